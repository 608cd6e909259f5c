#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/write/store.h"
#include "orchestrator/scheduler/workload.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {

/// Takes sweeps into a store when they begin to be run, and writes down how they ended. One thread.
class SweepJournal {
 public:
  /// Takes in what pools could not deliver to the last coordinator. Errors: those of the store.
  explicit SweepJournal(Store& store);

  /// Records the sweep as running, and returns what the core is to know of it. What of it had failed without its fault
  /// is tried again. Its costs are weighed by what this host took for each model. Errors: those of the store.
  SweepToRun begin(LoadedSweep sweep);
  /// `state` as in SweepChanged; durable together with `more`. Its comparison is refreshed if that is possible now.
  /// Errors: those of Store::apply; then nothing was written.
  void end(SweepId sweep, const std::string& state, std::vector<StoreChange> more = {});
  void refresh_comparison();
  /// How alike the sweep's masks are. A courtesy at the end: whatever keeps it from being written leaves the results
  /// alone.
  void record_overlaps(SweepId sweep, const std::string& name);

 private:
  Store& store_;
  /// Seconds of a multiply-add that costs are weighed by (weigh_by_model): the first that was measured, so that sweeps
  /// which begin later add up with those that run.
  std::optional<double> reference_cost_;
};

}  // namespace espalier
