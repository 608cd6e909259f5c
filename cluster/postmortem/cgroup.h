#pragma once

#include <filesystem>
#include <vector>

namespace espalier {

/// The folders of the memory cgroups that this process is in, of version 2 or 1, from its own up to the outermost that
/// can be seen; empty where there are none. They are not known to exist. `root` is "/" but in tests.
std::vector<std::filesystem::path> memory_cgroups(const std::filesystem::path& root = "/");

}  // namespace espalier
