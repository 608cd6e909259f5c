#include "worker/training/gradual_pruning.h"

#include "worker/pruning/prune_network.h"

namespace espalier {

bool GradualPruning::before_step(std::int64_t step) {
  const std::int64_t since = step - spec_.first_step;
  if (since < 0 || since % spec_.every != 0) return false;
  const auto update = static_cast<std::size_t>(since / spec_.every);
  if (update >= spec_.targets.size()) return false;
  const PruneSpec& prune = spec_.prune;
  const ResidentDataset* data = prune.dataset && prune.batches > 0 ? &data_ : nullptr;
  const PruneBatches batches(prune, data, seed_, update, network_.parameters().device());
  prune_network(network_, {prune, spec_.targets[update], seed_, true, batches});
  return true;
}

std::vector<LayerCount> count_layers(const Network& network) {
  std::vector<LayerCount> layers;
  for (const PrunableWeight& layer : network.prunable()) {
    layers.push_back({layer.layer, layer.mask.numel(), -1, layer.mask.sum(at::kLong).item<std::int64_t>()});
  }
  return layers;
}

}  // namespace espalier
