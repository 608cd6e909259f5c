#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>

#include "base/error.h"
#include "worker/jobs/stages.h"
#include "worker/pruning/prune_network.h"
#include "worker/pruning/sensitivity_curves.h"

namespace espalier {
namespace {

/// Mean cross-entropy over the batches, in evaluation mode.
double mean_loss(const Network& network, const PruneBatches& batches) {
  const at::NoGradGuard no_grad;
  double sum = 0;
  for (std::int64_t index = 0; index < batches.count(); ++index) {
    const Batch batch = batches.batch(index);
    sum += network.loss(batch.inputs, batch.labels).item<double>();
  }
  return sum / static_cast<double>(batches.count());
}

}  // namespace

bool run_sensitivity_stage(const StageContext& context, StageOutcome& outcome) {
  const SensitivitySpec spec = parse_spec<SensitivitySpec>(context.stage.spec);
  Network network = context.network(spec.prune.model);
  if (const auto masks = context.input(InputRole::masks)) network.set_masks(*masks);
  network.set_weights(context.needed_input(InputRole::weights));
  if (!spec.prune.dataset || spec.prune.batches < 1)
    throw Error(ErrorKind::invalid_input, "sensitivity: needs batches of training data to measure the loss on");
  const ResidentDataset& data = context.datasets.get(*spec.prune.dataset, context.stage.dataset_path);
  const PruneBatches batches(spec.prune, &data, context.stage.seed, 0, context.device);

  const NamedTensors weights = network.weights(), masks = network.masks();
  const double dense = mean_loss(network, batches);
  SensitivityCurves curves;
  curves.sparsities = spec.sparsities;
  curves.sparsities.insert(curves.sparsities.begin(), 0);
  bool stopped = false;
  prune_each_alone(network, {spec.prune, spec.prune.target, context.stage.seed, true, batches}, spec.sparsities,
                   [&](const PrunedAlone& alone) {
                     if (stopped || (stopped = context.stop)) return;
                     if (outcome.sensitivity.empty() || outcome.sensitivity.back().scope != alone.scope) {
                       outcome.sensitivity.push_back({alone.scope, 0, alone.units, alone.units, dense});
                       curves.units.push_back(alone.units);
                       curves.losses.push_back({dense});
                     }
                     network.set_masks(alone.masks);
                     const double loss = mean_loss(network, batches);
                     network.set_masks(masks);
                     network.set_weights(weights);
                     outcome.sensitivity.push_back({alone.scope, alone.sparsity, alone.units, alone.kept, loss});
                     curves.losses.back().push_back(loss);
                   });
  if (stopped) return false;
  context.leave(to_tensors(curves), InputRole::sensitivity, outcome);
  return true;
}

}  // namespace espalier
