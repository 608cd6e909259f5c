#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace espalier {

/// How to start one pool on this machine.
struct LocalPool {
  std::string name;  ///< "local-1": in logs and the database
  int ranks = 1;
  std::filesystem::path mpirun;
  std::filesystem::path worker;  ///< espalier-worker
  std::filesystem::path store;
  std::filesystem::path data;  ///< "" if none was given
  std::filesystem::path log;   ///< what mpirun and the ranks print
  std::string device = "auto";
  int checkpoint_seconds = 10;
  double hang_seconds = 120;
  double grace_seconds = 30;
  std::optional<double> memory_gb;  ///< a rank; none: its share of the machine
};

/// The first executable of that name on PATH. Errors: ErrorKind::unavailable with `remedy` if there is none.
std::filesystem::path find_program(const std::string& name, const std::string& remedy);

/// `mpirun -np N --bind-to none ... espalier-worker --store DIR ...`. No shell is involved, and nothing secret is in
/// it.
std::vector<std::string> local_pool_command(const LocalPool& pool);

/// A pool's mpirun as a child process, in a process group of its own so that the terminal's Ctrl-C reaches only us; it
/// is killed when we die. Kills it in its destructor if it still runs.
class LocalPoolProcess {
 public:
  /// Errors: ErrorKind::unavailable if it cannot be started.
  explicit LocalPoolProcess(const LocalPool& pool);
  ~LocalPoolProcess();
  LocalPoolProcess(const LocalPoolProcess&) = delete;
  LocalPoolProcess& operator=(const LocalPoolProcess&) = delete;

  /// `exited with code 1`, `was killed by signal 9 (Killed)`; none while it runs. Does not block.
  std::optional<std::string> poll_end();
  void kill();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::optional<std::string> end_;
};

}  // namespace espalier
