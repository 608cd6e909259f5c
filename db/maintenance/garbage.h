#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "db/maintenance/store_files.h"
#include "db/write/store.h"

namespace espalier {

enum class GarbageKind {
  intermediate,    ///< artifacts of done stages that no open work reads and no finished trial shows
  resume_state,    ///< from which no open training resumes
  unrecorded,      ///< artifacts of stages that are not done: no row vouches for them
  orphan,          ///< of stages that the database does not have
  leftover,        ///< half files of processes that died
  old_checkpoint,  ///< of stages that are done
  damaged          ///< kept as evidence; only if requested
};
inline constexpr std::size_t kGarbageKinds = 7;
std::string_view to_string(GarbageKind kind);

enum class Evidence { keep, remove };

/// The files of a store that nothing needs.
struct Garbage {
  struct File {
    std::filesystem::path path;
    GarbageKind kind;
    std::uintmax_t bytes = 0;
  };
  std::vector<File> files;
  std::vector<StageKey> to_mark;    ///< done stages whose artifact is among them
  std::vector<StageKey> to_unmark;  ///< marked by a collection that was cut short, and needed now
  std::int64_t kept_files = 0;
  std::uintmax_t kept_bytes = 0;
};

/// Reads a store, and changes nothing. Kept are inputs of open trials, networks and masks of finished trials, files
/// that a stage of an open attempt may be writing (its pool may run without a coordinator), and files that are not the
/// store's by their names.
/// Errors: those of StoreReader's constructor.
Garbage find_garbage(const std::filesystem::path& root, Evidence evidence);

/// The two steps of a collection, in this order: first the removed artifacts are marked durably in the rows, then the
/// files are removed, so that an interruption leaves no row that refers to a missing file. `garbage` was found while
/// `store` held the lock. Errors: those of Store::apply; ErrorKind::invalid_input, at the end, if files could not be
/// removed.
void mark_garbage(Store& store, const Garbage& garbage, double now);
void remove_garbage(const Garbage& garbage);

}  // namespace espalier
