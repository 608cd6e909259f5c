#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace espalier {

/// How a sweep ended.
enum class SweepEnd { finished, cancelled, too_many_failures };

/// Progress of the active sweeps.
struct SweepStatus {
  std::int64_t trials = 0, trials_done = 0;
  std::int64_t trials_failed = 0;   ///< their own stage failed, or one they needed (those are blocked)
  std::int64_t trials_blocked = 0;  ///< of those: they needed one
  std::int64_t jobs_running = 0, jobs_finished = 0, ranks = 0;
  std::int64_t stages_ready = 0;             ///< that could be handed out now
  std::int64_t stages = 0, stages_done = 0;  ///< of those that this run has to do; quarantined ones count as done
  std::int64_t stages_failed = 0;
  double remaining_cost = 0;
  double critical_path_cost = 0;
  std::optional<double> seconds_per_cost;  ///< measured in this run
  std::string paused;                      ///< why nothing is handed out; "" if it is
};

}  // namespace espalier
