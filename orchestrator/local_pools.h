#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/local_pool.h"

namespace espalier {

/// The pools that this coordinator started itself: keeps them alive, gives up when starting them gets nothing done.
class LocalPools {
 public:
  explicit LocalPools(std::vector<LocalPool> pools);

  /// Starts what does not run. Errors: ErrorKind::unavailable if a process cannot be started.
  void start();
  /// How the pool of that label ended; none while it runs, or if it is not ours.
  std::optional<std::string> end_of(const std::string& label);
  bool owns(const std::string& label) const { return processes_.count(label) != 0; }

  /// The pool of that label reached the coordinator.
  void on_joined(const std::string& label);

  /// Starts pools that ended again. `settled` counts the stages that were reached or given up: whether the last start
  /// got anything done. Returns lines for the user. Errors: ErrorKind::unavailable, with the end of the pool's log,
  /// after a few starts in a row that got nothing done: three if it never reached the coordinator, more if it did, so
  /// that a stage that kills its workers is found out first.
  std::vector<std::string> restart_ended(std::int64_t settled);
  bool any_running();
  void kill();

 private:
  struct Running {
    LocalPool pool;
    std::unique_ptr<LocalPoolProcess> process;
    std::int64_t settled_at_start = 0;
    int fruitless = 0;                    ///< starts in a row that settled nothing
    bool joined = false;                  ///< during one of those
    std::optional<std::string> last_end;  ///< of the process before this one, until somebody asked
  };
  std::map<std::string, Running> processes_;
};

}  // namespace espalier
