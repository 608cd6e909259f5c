#include "orchestrator/commands/detach.h"

#include <chrono>
#include <fcntl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/own_file.h"
#include "cluster/auth/authentication.h"

namespace espalier {
namespace {

constexpr auto kPollEvery = std::chrono::milliseconds(50);

/// In the child, between fork and exec.
[[noreturn]] void become(std::vector<char*> argv, int log) {
  ::setsid();
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv("/proc/self/exe", argv.data());
  ::_exit(127);
}

bool is_coordinator(pid_t pid, const StorePaths& store) {
  try {
    return read_connection_file(store.connection()).pid == pid;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<std::string> without_detach(std::vector<std::string> arguments) {
  std::erase_if(arguments, [](const std::string& argument) { return argument.starts_with("--detach"); });
  return arguments;
}

pid_t start_detached(const std::vector<std::string>& arguments, const StorePaths& store,
                     const std::filesystem::path& log) {
  std::filesystem::create_directories(log.parent_path());
  const int file = open_own_file(log, OwnFile::begin_anew);
  std::vector<std::string> copies{"espalier"};
  copies.insert(copies.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& one : copies) argv.push_back(one.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) become(argv, file);
  ::close(file);
  if (pid < 0) throw Error(ErrorKind::unavailable, "cannot start another process: the machine has too many");
  while (!is_coordinator(pid, store)) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
      constexpr std::uintmax_t kMost = 1U << 20;
      throw Error(ErrorKind::unavailable, "it ended at once:\n" + read_file(log, kMost));
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  return pid;
}

}  // namespace espalier
