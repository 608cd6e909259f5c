#pragma once

#include <cstdint>
#include <filesystem>

namespace espalier {

enum class Overwrite { refuse, allow };

/// Copies a store's database, as it is at one moment, into one file that needs no other beside it; a coordinator may
/// write meanwhile, and a store of an older version will do. Artifacts are not in it. The file is there whole, checked
/// and synced, or not at all. The size of it, bytes.
/// Errors: ErrorKind::invalid_input if there is no store, if `target` is the store's own database, or is there and may
/// not be overwritten; ErrorKind::exhausted for a full disk; ErrorKind::corrupt if the copy does not hold together.
std::uintmax_t back_up_store(const std::filesystem::path& root, const std::filesystem::path& target,
                             Overwrite overwrite);

}  // namespace espalier
