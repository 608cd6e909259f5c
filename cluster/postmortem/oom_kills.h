#pragma once

#include <cstdint>
#include <filesystem>

namespace espalier {

/// A number that grows whenever the kernel kills for want of memory, on this machine or in our cgroups (a kill may
/// count more than once). If it has grown while a process was lost to SIGKILL, memory is why. 0 where nothing tells.
/// `root` is "/" but in tests.
std::int64_t oom_kills_so_far(const std::filesystem::path& root = "/");

}  // namespace espalier
