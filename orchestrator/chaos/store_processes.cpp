#include "orchestrator/chaos/store_processes.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace espalier {
namespace {

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

StoreProcesses find_store_processes(const StorePaths& store) {
  using namespace std::string_literals;
  const std::string argument = "\0--store\0"s + std::filesystem::absolute(store.root).string() + "\0"s;
  StoreProcesses found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read(entry->path() / "cmdline").find(argument) == std::string::npos) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    const std::string program = read(entry->path() / "comm");
    if (program == "espalier-worker\n") found.ranks.push_back(pid);
    if (program == "mpirun\n" || program == "prterun\n") found.launchers.push_back(pid);
  }
  std::sort(found.launchers.begin(), found.launchers.end());
  std::sort(found.ranks.begin(), found.ranks.end());
  return found;
}

}  // namespace espalier
