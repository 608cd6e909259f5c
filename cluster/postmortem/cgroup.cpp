#include "cluster/postmortem/cgroup.h"

#include <fstream>
#include <string>

namespace espalier {
namespace {

/// A container may name its group by a path that is not visible in it; a parent of it is.
void add_upwards(const std::filesystem::path& mount, const std::string& group,
                 std::vector<std::filesystem::path>& folders) {
  for (std::filesystem::path inner = std::filesystem::path(group).relative_path(); !inner.empty();
       inner = inner.parent_path()) {
    folders.push_back(mount / inner);
  }
  folders.push_back(mount);
}

bool names_memory(const std::string& controllers) {
  return ("," + controllers + ",").find(",memory,") != std::string::npos;
}

}  // namespace

std::vector<std::filesystem::path> memory_cgroups(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> folders;
  std::ifstream file(root / "proc/self/cgroup");
  // "0::/slice/unit" is version 2, "4:memory:/slice/unit" version 1; some machines mix them.
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (controllers.empty()) add_upwards(root / "sys/fs/cgroup", group, folders);
    if (names_memory(controllers)) add_upwards(root / "sys/fs/cgroup/memory", group, folders);
  }
  return folders;
}

}  // namespace espalier
