#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cluster/protocol/protocol.h"

namespace espalier {

/// Reports of a pool on disk while no coordinator listens, so that they outlive the pool too. One file per frame, named
/// by the pool's identity and the frame's sequence: writing or replaying a file twice is idempotent.
struct SpooledReports {
  std::string environment;  ///< JSON, of the rank; "" if unknown
  FromRank frame;
};

std::filesystem::path spool_file(const std::filesystem::path& folder, const std::string& identity,
                                 std::uint64_t sequence);
/// Errors: those of write_file_atomically.
void write_spooled(const std::filesystem::path& folder, const std::string& identity, const SpooledReports& reports);

struct SpoolEntry {
  std::filesystem::path file;
  SpooledReports reports;
};
/// All reports, in the order of the files' names. A damaged file is renamed to NAME.damaged and left out, and so is one
/// that another user wrote or could have changed: only file ownership authenticates them.
/// Errors: ErrorKind::invalid_input if the folder cannot be read.
std::vector<SpoolEntry> read_spool(const std::filesystem::path& folder);

}  // namespace espalier
