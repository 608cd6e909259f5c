#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <sys/types.h>
#include <vector>

#include "cluster/launch/local_pool_process.h"

namespace espalier {

/// A child process, started without a shell, with its output in a file. Killed with us, and by the destructor if it
/// still runs.
class ChildProcess {
 public:
  /// `command`: the program's path, then its arguments. Errors: ErrorKind::unavailable if it cannot be started,
  /// those of open_own_file for `output`, to which it appends.
  ChildProcess(std::vector<std::string> command, const std::filesystem::path& output);
  /// Owns a child that was started elsewhere; -1: none.
  explicit ChildProcess(pid_t pid);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// None while it runs. Does not block.
  std::optional<ProcessEnd> poll_end();
  void signal(int number);
  bool started() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
  std::optional<ProcessEnd> end_;
};

struct CapturedOutput {
  std::optional<ProcessEnd> end;  ///< none: it was killed: timeout, too much output on stdout, or stop
  std::string out, err;           ///< of err the first `most_bytes`
};

/// Runs a program to its end, without a shell and with nothing to read. `command`: its path, then its arguments.
/// It is killed within a tenth of a second after `stop` was requested. Errors: ErrorKind::unavailable if it cannot be
/// started.
CapturedOutput capture_output(std::vector<std::string> command, std::chrono::milliseconds limit,
                              std::size_t most_bytes = std::size_t{16} << 20, const std::stop_token& stop = {});

}  // namespace espalier
