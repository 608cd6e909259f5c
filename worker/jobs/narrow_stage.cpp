#include <cstdint>
#include <vector>

#include "base/error.h"
#include "experiments/pruning/uniform_width.h"
#include "worker/jobs/stages.h"
#include "worker/network/initialization.h"
#include "worker/pruning/network_paths.h"
#include "worker/pruning/scope_units.h"
#include "worker/pruning/shrunk_network.h"

// The control small_dense: what the method's masks leave says how many multiply-adds its network may have, and nothing
// else. It is drawn as a network of its widths would be, so that its weights have the deviation of their own fans.

namespace espalier {
namespace {

std::int64_t madds_under(const ModelDescription& model, const NamedTensors& masks) {
  const TensorFile bytes = to_file(masks, {});
  return madds_without(model, removed_units(*model.graph, bytes.content.tensors));
}

/// Masks of the network without the units, which are channels and heads.
NamedTensors masks_without(const std::vector<RemovedUnits>& removed, const Network& whole) {
  constexpr Granularity kUnits{.kind = Granularity::Kind::channel};
  NamedTensors masks = whole.masks();
  for (const RemovedUnits& units : removed) {
    std::vector<std::uint8_t> kept;
    for (const bool leaves : units.leaves) kept.push_back(leaves ? 0 : 1);
    mask_units(units.scope, kUnits, whole, kept, true, masks);
  }
  return masks;
}

/// Draws the weights of the network without what its masks remove, and leaves them in their places in the whole one.
NamedTensors fresh_weights(Network& masked, const InitSpec& spec, std::uint64_t seed) {
  const auto smaller = ShrunkNetwork::of(masked);
  if (!smaller) {
    initialize(masked, spec, seed);
    return masked.weights();
  }
  const NamedTensors given = masked.weights();  // of a model's file some are not drawn
  Network network = smaller->network();
  network.set_weights(smaller->gathered(given));
  initialize(network, spec, seed);
  return smaller->scattered(network.weights(), smaller->buffers_among(given));
}

}  // namespace

bool run_narrow_stage(const StageContext& context, StageOutcome& outcome) {
  const NarrowSpec spec = parse_spec<NarrowSpec>(context.stage.spec);
  const NamedTensors given = context.needed_input(InputRole::masks);
  Network network = context.network(spec.model);
  const ModelDescription& model = network.description();
  if (!model.graph)
    throw Error(ErrorKind::invalid_input, "small_dense: the structure of model " + model.name + " is not known");
  const Granularity granularity = parse_granularity(spec.granularity);
  const std::vector<RemovedUnits> removed =
      narrowed_evenly(model, narrow_scopes(model, granularity, spec.protect), spec.align, madds_under(model, given));
  network.set_masks(masks_without(removed, network));
  for (const PrunableWeight& layer : network.prunable()) {
    const auto kept = layer.mask.sum(at::kLong).item<std::int64_t>();
    outcome.layers.push_back({layer.layer, layer.mask.numel(), kept, kept});
  }
  report_masks(network, outcome);
  const InitSpec init{spec.model, spec.scheme, "init"};
  context.leave(with_masks(fresh_weights(network, init, context.stage.seed), network.masks()), InputRole::weights,
                outcome);
  return true;
}

}  // namespace espalier
