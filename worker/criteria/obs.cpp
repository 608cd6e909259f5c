#include <numeric>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "worker/criteria/loss_derivatives.h"
#include "worker/criteria/second_order.h"

namespace espalier {

/// Deletes weights one by one where w_q^2 / (2 [H^-1]_qq) is least and changes all weights to make up for it: Hassibi &
/// Stork 1993 (optimal brain surgeon), eq. (5), H by outer products plus `damping` times its mean diagonal. All weights
/// of Linear and Conv layers take part, biases and norms stay. Counts over all layers, or for each. Errors:
/// ErrorKind::invalid_input for token models, and for what is not single weights.
void repair_obs(const CriterionContext& context, const RepairOrder& order) {
  if (context.batches <= 0) throw Error(ErrorKind::internal, "obs was given no batches");
  if (order.granularity.kind != Granularity::Kind::weight)
    throw Error(ErrorKind::invalid_input, "prune.granularity: obs deletes single weights, so granularity is weight");
  if (!order.target.layer_least.empty() || !order.target.layer_most.empty())
    throw Error(ErrorKind::invalid_input, "prune.min_kept, prune.max_kept: obs knows no bounds");
  Network& network = context.network;
  const auto& prunable = context.weights();
  std::vector<std::int64_t> group, survivors;
  std::vector<at::Tensor> weights, masks;
  for (std::size_t i = 0; i < prunable.size(); ++i) {
    group.insert(group.end(), static_cast<std::size_t>(prunable[i].weight.numel()), -1);
    weights.push_back(prunable[i].weight.flatten());
    masks.push_back(prunable[i].mask.flatten().ne(0));
  }
  // One group for all layers under a common count, else one for each.
  const bool common = order.target.layer_kept.empty();
  std::vector<std::int64_t> remove(common ? 1 : order.layers.size(), 0);
  for (std::size_t i = 0; i < order.layers.size(); ++i) {
    const std::size_t layer = order.layers[i], of = common ? 0 : i;
    std::int64_t first = 0;
    for (std::size_t before = 0; before < layer; ++before) first += prunable[before].weight.numel();
    std::fill_n(group.begin() + first, prunable[layer].weight.numel(), static_cast<std::int64_t>(of));
    remove[of] += masks[layer].sum().item<std::int64_t>();
  }
  for (std::size_t i = 0; i < remove.size(); ++i) {
    remove[i] -= common ? order.target.total_kept : order.target.layer_kept.at(i);
    if (remove[i] < 0) throw Error(ErrorKind::invalid_input, "obs is to keep more weights than survive");
  }
  const Network exact = in_float64(network);
  at::Tensor hessian = outer_product_hessian(exact, context);
  const at::NoGradGuard no_grad;
  hessian.diagonal().add_(hessian.diagonal().mean().mul(context.option("damping")));
  const Surgery surgery = delete_weights(hessian, at::cat(weights), at::cat(masks), group, remove);

  NamedTensors kept = network.masks();
  std::int64_t first = 0;
  for (const PrunableWeight& one : prunable) {
    std::vector<std::uint8_t> bytes(surgery.kept.begin() + first, surgery.kept.begin() + first + one.weight.numel());
    for (auto& [name, mask] : kept) {
      if (name == one.parameter) mask = at::tensor(bytes, at::kByte).view(one.mask.sizes()).to(one.mask.device());
    }
    one.weight.copy_(surgery.weights.narrow(0, first, one.weight.numel()).view(one.weight.sizes()));
    first += one.weight.numel();
  }
  network.set_masks(kept);
}

}  // namespace espalier
