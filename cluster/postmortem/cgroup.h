#pragma once

#include <filesystem>
#include <vector>

namespace espalier {

/// The folders of the memory cgroups of this process, of version 2 or 1, from its own up to the outermost visible one;
/// empty if there are none. They need not exist. `root` is "/" except in tests.
std::vector<std::filesystem::path> memory_cgroups(const std::filesystem::path& root = "/");

}  // namespace espalier
