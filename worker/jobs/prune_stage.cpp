#include <numeric>
#include <utility>
#include <vector>

#include "experiments/catalog/catalog.h"
#include "experiments/models/model_description.h"
#include "worker/jobs/stages.h"
#include "worker/pruning/network_paths.h"
#include "worker/pruning/prune_network.h"
#include "worker/pruning/sensitivity_allocation.h"
#include "worker/pruning/sensitivity_curves.h"

namespace espalier {
namespace {

bool changes_weights(const std::string& criterion) {
  return find_criterion(criterion).scores == CriterionScores::repairs_weights;
}

}  // namespace

bool run_prune_stage(const StageContext& context, StageOutcome& outcome) {
  const PruneSpec spec = parse_spec<PruneSpec>(context.stage.spec);
  Network network = context.network(spec.model);
  if (const auto masks = context.input(InputRole::masks)) network.set_masks(*masks);
  const auto weights = context.input(InputRole::weights);
  if (weights) network.set_weights(*weights);
  const ResidentDataset* data =
      spec.dataset && spec.batches > 0 ? &context.datasets.get(*spec.dataset, context.stage.dataset_path) : nullptr;
  const PruneBatches batches(spec, data, context.stage.seed, 0, context.device);
  PruneTarget target = spec.target;
  const PruneOrder order{spec, target, context.stage.seed, weights.has_value(), batches};
  if (const auto curves = context.input(InputRole::sensitivity); curves && target.layer_kept.empty()) {
    const std::vector<std::int64_t> counts =
        counts_by_sensitivity(curves_from(*curves), target, surviving_units(network, order));
    target = {};
    target.layer_kept = counts;
    target.total_kept = std::reduce(counts.begin(), counts.end());
  }
  Pruned pruned = prune_network(network, order);
  outcome.layers = std::move(pruned.layers);
  report_masks(network, outcome);
  if (changes_weights(spec.criterion)) {
    context.leave(with_masks(network.weights(), pruned.masks), InputRole::weights, outcome);
  } else {
    context.leave(std::move(pruned.masks), InputRole::masks, outcome);
  }
  return true;
}

}  // namespace espalier
