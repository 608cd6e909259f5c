#pragma once

#include <ostream>
#include <string>

#include "orchestrator/scheduler/ids.h"
#include "orchestrator/scheduler/sweep_status.h"

namespace espalier {

/// `12/45 trials, 80/211 stages, 2 running, 0 failed, 3.1 jobs/s, 1 min 20 s left`. Remaining time from measured stage
/// times: the larger of the work over the ranks and the longest chain. `seconds_per_cost` is a measurement of earlier
/// runs, used until there is a newer one; elapsed in seconds.
/// Until all is done, estimated; none where nothing is measured yet. `seconds_per_cost`: of earlier runs.
std::optional<double> seconds_left(const SweepStatus& status, std::optional<double> seconds_per_cost);

std::string progress_text(const SweepStatus& status, std::optional<double> seconds_per_cost, double elapsed_s);

/// One line rewritten on a terminal; on a pipe a new line when something changed, at most every ten seconds. What
/// cannot be written is dropped.
class ProgressLine {
 public:
  ProgressLine(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}
  ~ProgressLine() { finish(); }
  void update(const std::string& text, Now now);
  /// Prints a permanent line above the progress.
  void notify_user(const std::string& text);
  void finish();

 private:
  void erase();

  std::ostream& out_;
  bool terminal_;
  std::string shown_;
  Now last_ = -1e18;
};

}  // namespace espalier
