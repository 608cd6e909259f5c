#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "cluster/local_pool.h"

namespace espalier {

/// A program that runs beside us, started without a shell, what it prints in a file. Killed with us, and in the
/// destructor if it still runs.
class ChildProcess {
 public:
  /// `command`: the program's path, then its arguments. Errors: ErrorKind::unavailable if it cannot be started.
  ChildProcess(std::vector<std::string> command, const std::filesystem::path& output);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// None while it runs. Does not block.
  std::optional<ProcessEnd> poll_end();
  void signal(int number);

 private:
  pid_t pid_ = -1;
  std::optional<ProcessEnd> end_;
};

}  // namespace espalier
