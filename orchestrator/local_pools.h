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

  /// Starts pools that ended again. `jobs_finished` tells whether the last start got anything done.
  /// Returns lines for the user. Errors: ErrorKind::unavailable, with the end of the pool's log, after three starts in
  /// a row that got nothing done.
  std::vector<std::string> restart_ended(std::int64_t jobs_finished);
  bool any_running();
  void kill();

 private:
  struct Running {
    LocalPool pool;
    std::unique_ptr<LocalPoolProcess> process;
    std::int64_t jobs_at_start = 0;
    int fruitless = 0;
  };
  std::map<std::string, Running> processes_;
};

}  // namespace espalier
