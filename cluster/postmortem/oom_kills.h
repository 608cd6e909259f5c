#pragma once

#include <cstdint>
#include <filesystem>

namespace espalier {

/// The number of the kernel's out-of-memory kills on this machine and in our cgroups (a kill may count more than once).
/// If it has grown while a process was lost to SIGKILL, memory is the cause. 0 if unknown. `root` is "/" except in
/// tests.
std::int64_t oom_kills_so_far(const std::filesystem::path& root = "/");

}  // namespace espalier
