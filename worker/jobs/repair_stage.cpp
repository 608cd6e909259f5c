#include <utility>

#include "base/log.h"
#include "worker/data/prune_batches.h"
#include "worker/jobs/stages.h"
#include "worker/pruning/norm_statistics.h"
#include "worker/pruning/refit.h"

namespace espalier {

/// Fits weights as the uncut network, then estimates statistics as the cut one.
bool run_repair_stage(const StageContext& context, StageOutcome& outcome) {
  const RepairSpec spec = parse_spec<RepairSpec>(context.stage.spec);
  Network network = context.network(spec.model);
  network.set_weights(context.needed_input(InputRole::weights));
  const NamedTensors masks = context.needed_input(InputRole::masks);
  const ResidentDataset& data = context.datasets.get(spec.dataset, context.stage.dataset_path);
  PruneSpec examples;
  examples.criterion = "repair";
  examples.batches = spec.batches;
  examples.batch_size = spec.batch_size;
  // Other examples than those that scored: their order is that of a second round.
  const PruneBatches batches(examples, &data, context.stage.seed, 1, context.device);
  const CriterionContext calibration{network, true, context.stage.seed, batches.count(),
                                     [&](std::int64_t index) { return batches.batch(index); }};
  if (spec.refit) {
    double before = 0, after = 0;
    for (const RefittedLayer& layer : refit(calibration, masks, spec.damping)) {
      before += layer.before;
      after += layer.after;
    }
    if (before > 0) outcome.metrics.push_back({0, "refit_error", after / before});
  }
  network.set_masks(masks);
  if (spec.bn_stats) estimate_norm_statistics(calibration);
  context.leave(network.weights(), InputRole::weights, outcome);
  return true;
}

}  // namespace espalier
