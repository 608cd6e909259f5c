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
  std::filesystem::path data;      ///< "" if none was given
  std::filesystem::path log;       ///< what mpirun and the ranks print
  std::filesystem::path lock;      ///< held while it runs (StorePaths::pool_lock)
  std::filesystem::path identity;  ///< file of its secret identity, mode 0600; made anew at each start
  std::string device = "auto";
  int checkpoint_seconds = 10;
  double start_limit_seconds = 60;  ///< for MPI to start; 0: no limit
  double hang_seconds = 120;
  double grace_seconds = 30;
  std::optional<double> memory_gb;  ///< a rank; none: its share of the machine
};

/// The first executable of that name on PATH. Errors: ErrorKind::unavailable with `remedy` if there is none.
std::filesystem::path find_program(const std::string& name, const std::string& remedy);

/// `mpirun -np N --bind-to none ... espalier-worker --store DIR ...`. No shell is involved, and nothing secret is in
/// it.
std::vector<std::string> local_pool_command(const LocalPool& pool);

/// Reads a pool's identity, constant for its life, from the file written when it was started. Errors: those of
/// read_secret_file.
std::string read_pool_identity(const std::filesystem::path& file);

/// How a process ended.
struct ProcessEnd {
  std::optional<int> signal, exit_code;  ///< neither is known if it was not our child
  std::string text;                      ///< `exited with code 1`, `was killed by signal 9 (Killed)`
};

/// From waitpid's status.
ProcessEnd describe_process_end(int status);

/// A pool's mpirun, in a process group of its own so that the terminal's Ctrl-C reaches only us. It outlives a
/// coordinator that is killed: the next one finds its lock held and takes it over instead of starting another.
/// Kills it in its destructor if it still runs.
class LocalPoolProcess {
 public:
  /// Starts it, or takes over the one that runs. Errors: ErrorKind::unavailable if it cannot be started, or the lock is
  /// another user's.
  explicit LocalPoolProcess(const LocalPool& pool);
  ~LocalPoolProcess();
  LocalPoolProcess(const LocalPoolProcess&) = delete;
  LocalPoolProcess& operator=(const LocalPoolProcess&) = delete;

  /// It was started by another coordinator.
  bool taken_over() const { return taken_over_; }
  /// None while it runs. Does not block.
  std::optional<ProcessEnd> poll_end();
  /// Kills only the process that took the lock, even if its pid is used by another process now.
  void kill();
  pid_t pid() const { return pid_; }

 private:
  void start(const LocalPool& pool, int lock);
  void read_holder();
  void forget_holder() const;

  std::filesystem::path lock_;
  pid_t pid_ = -1;
  unsigned long long started_ = 0;  ///< of a pool that was taken over: its process's start time, in the kernel's ticks
  bool taken_over_ = false;
  std::optional<ProcessEnd> end_;
};

}  // namespace espalier
