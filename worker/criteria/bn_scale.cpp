#include <algorithm>

#include "worker/criteria/loss_derivatives.h"

namespace espalier {

/// |gamma| of the batch norm that takes the layer's outputs, per channel; undefined where a layer has none. Liu et al.
/// 2017, arXiv:1708.06519 (network slimming), whose L1 penalty while training is not part of this.
Scores score_bn_scale(const CriterionContext& context) {
  Scores scores(context.weights().size());
  const std::vector<PrunableLayer> layers = prunable_layers(context.network.description());
  for (std::size_t i = 0; i < scores.size() && i < layers.size(); ++i) {
    if (layers[i].norm.empty()) continue;
    const auto& named = context.network.named();
    const auto scale = std::find_if(named.begin(), named.end(),
                                    [&](const Parameter& one) { return one.name == layers[i].norm + ".weight"; });
    if (scale != named.end()) scores[i] = spread_over_outputs(scale->leaf.detach().abs(), layers[i]);
  }
  return scores;
}

}  // namespace espalier
