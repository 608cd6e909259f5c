#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/write/store.h"
#include "orchestrator/scheduler/workload.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {

/// Records in a store the begin and the end of sweeps. One thread.
class SweepJournal {
 public:
  /// Records the spooled outcomes that pools could not deliver to the last coordinator. Errors: those of the store.
  explicit SweepJournal(Store& store);

  /// Records the sweep as running, and returns the core's input. Stages that had failed without their fault are
  /// retried. Costs are weighted by the times measured on this host for each model. Errors: those of the store.
  SweepToRun begin(LoadedSweep sweep);
  /// `state` as in SweepChanged; durable together with `more`. Its comparison is refreshed if that is possible now.
  /// Errors: those of Store::apply; then nothing was written.
  void end(SweepId sweep, const std::string& state, std::vector<StoreChange> more = {});
  void refresh_comparison();
  /// Records the overlaps of the sweep's masks. Best effort: a failure to write them does not affect the results.
  void record_overlaps(SweepId sweep, const std::string& name);

 private:
  Store& store_;
  /// Seconds of a multiply-add, by which costs are weighted (weigh_by_model): the first measured, so that costs of
  /// later sweeps are comparable with those of running ones.
  std::optional<double> reference_cost_;
};

}  // namespace espalier
