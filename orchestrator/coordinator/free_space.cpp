#include "orchestrator/coordinator/free_space.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/statvfs.h>

#include <fmt/format.h>

namespace espalier {

double memory_left(const std::string& meminfo) {
  std::istringstream in(meminfo);
  double total = 0, available = -1;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    double kibibytes = 0;
    if (!(words >> name >> kibibytes)) continue;
    if (name == "MemTotal:") total = kibibytes;
    if (name == "MemAvailable:") available = kibibytes;
  }
  return total > 0 && available >= 0 ? available / total : 1;
}

std::string lack_of_space(const std::filesystem::path& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) == 0) {
    const std::uint64_t left = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
    if (left < kLeastFreeBytes) {
      return fmt::format("{} has {:.1f} MB left on its disk, and {:.0f} MB are needed; free some space and it goes on",
                         folder.string(), static_cast<double>(left) / 1e6, static_cast<double>(kLeastFreeBytes) / 1e6);
    }
  }
  std::ifstream meminfo("/proc/meminfo");
  const double left = memory_left({std::istreambuf_iterator<char>(meminfo), {}});
  if (left < kLeastMemoryShare) {
    return fmt::format("only {:.1f} % of this machine's memory is left; close something, or run fewer --workers",
                       100 * left);
  }
  return "";
}

}  // namespace espalier
