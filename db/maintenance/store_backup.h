#pragma once

#include <cstdint>
#include <filesystem>

#include "experiments/paths/output_file.h"

namespace espalier {

/// Copies a store's database, as it is at one moment, into one file that needs no other beside it; a coordinator may
/// write meanwhile, and a store of an older version will do. Artifacts are not in it. The file is there whole, checked
/// and synced, or not at all; a device or a pipe gets the copy. The size of it, bytes.
/// Errors: ErrorKind::invalid_input if there is no store; those of check_outputs for `target`; ErrorKind::exhausted for
/// a full disk; ErrorKind::corrupt if the copy does not hold together.
std::uintmax_t back_up_store(const std::filesystem::path& root, const std::filesystem::path& target,
                             Overwrite overwrite);

}  // namespace espalier
