#include "cluster/postmortem/oom_kills.h"

#include <fstream>
#include <string>

#include "cluster/postmortem/cgroup.h"

namespace espalier {
namespace {

/// The number beside `oom_kill`, in lines of a name and a number; 0 if there is none.
std::int64_t kills_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string name;
  std::int64_t number = 0;
  while (file >> name >> number) {
    if (name == "oom_kill") return number;
  }
  return 0;
}

}  // namespace

std::int64_t oom_kills_so_far(const std::filesystem::path& root) {
  std::int64_t kills = kills_in(root / "proc/vmstat");
  for (const std::filesystem::path& folder : memory_cgroups(root)) {
    kills += kills_in(folder / "memory.events") + kills_in(folder / "memory.oom_control");
  }
  return kills;
}

}  // namespace espalier
