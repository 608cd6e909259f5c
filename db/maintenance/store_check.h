#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

enum class FindingKind {
  // Damage.
  database_damaged,     ///< SQLite cannot read it, or it contradicts itself
  reference_broken,     ///< a row refers to a missing one
  artifact_missing,     ///< a done stage's file is gone
  artifact_damaged,     ///< it has other bytes than were recorded
  artifact_unreadable,  ///< the system does not let us read it: perhaps nothing is lost
  // Notes: what is in the way of nothing.
  orphan,            ///< a file of a stage that the database does not have
  foreign_file,      ///< not one of ours by its name
  leftover,          ///< half a file of a process that died
  set_aside,         ///< evidence of earlier damage
  old_checkpoint,    ///< of a stage that is done
  unrecorded,        ///< an artifact of a stage that is not done: of a lost outcome, or what a damaged log leaves
  removal_cut_short  ///< `espalier gc` meant to remove it
};

std::string_view to_string(FindingKind kind);
bool is_damage(FindingKind kind);

struct Finding {
  FindingKind kind;
  std::filesystem::path where;
  std::string what;
  std::string remedy;
  std::string stage;  ///< key, 64 digits; "" if it is about none
};

struct StoreCheck {
  std::vector<Finding> findings;      ///< damage first
  std::int64_t damages = 0;           ///< of them
  std::int64_t artifacts = 0;         ///< that were read to their end
  std::uintmax_t artifact_bytes = 0;  ///< of those
};

/// Compares a store with itself: the database by SQLite's integrity_check and foreign_key_check, every artifact's bytes
/// with the hash in its stage's row, and the files with the rows. Changes nothing, whether or not a coordinator writes
/// at the same time: what it changes during the check is read again. Reads every artifact in pieces.
/// Errors: ErrorKind::invalid_input if there is no store, or one of another version; ErrorKind::unavailable if it stays
/// locked. Damage is no error, but a finding.
StoreCheck check_store(const std::filesystem::path& root);

}  // namespace espalier
