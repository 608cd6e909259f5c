#include "worker/criteria/input_products.h"

#include <algorithm>
#include <optional>

#include <ATen/ops/zeros.h>

#include "worker/criteria/layer_inputs.h"

namespace espalier {

std::vector<InputProducts> input_products(const CriterionContext& context, const std::vector<std::size_t>& layers) {
  std::vector<InputProducts> all;
  for (const std::size_t layer : layers) {
    const PrunableWeight& prunable = context.weights()[layer];
    const std::int64_t columns = prunable.weight.numel() / prunable.weight.size(0);
    const std::optional<Unfolding> unfolding = unfolding_of(context.network.description(), prunable.layer);
    const std::int64_t groups = unfolding ? unfolding->groups : 1;
    const auto options = prunable.weight.options().dtype(at::kDouble);
    all.push_back({at::zeros({groups, columns, columns}, options), at::zeros({groups, columns}, options)});
  }
  see_inputs(context, [&](std::size_t seen, std::int64_t group, const at::Tensor& rows) {
    const auto found = std::ranges::find(layers, seen);
    if (found == layers.end()) return;
    InputProducts& one = all[static_cast<std::size_t>(found - layers.begin())];
    one.products[group].add_(rows.t().matmul(rows));
    one.sums[group].add_(rows.sum(0, false, at::kDouble));
    if (group == 0) one.rows += rows.size(0);
  });
  return all;
}

}  // namespace espalier
