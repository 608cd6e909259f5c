#pragma once

#include <cstdint>
#include <filesystem>

#include "experiments/paths/output_file.h"

namespace espalier {

/// Copies a snapshot of a store's database into one self-contained file; a coordinator may write during the copy, and
/// the store may be of an older version. Artifacts are not in it. The file is written whole, checked and synced, or not
/// at all; a device or a pipe gets the copy. Returns its size in bytes. Errors: ErrorKind::invalid_input if there is no
/// store; those of check_outputs for `target`; ErrorKind::exhausted for a full disk; ErrorKind::corrupt if the copy
/// fails its check.
std::uintmax_t back_up_store(const std::filesystem::path& root, const std::filesystem::path& target,
                             Overwrite overwrite);

}  // namespace espalier
