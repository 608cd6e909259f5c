#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include "base/error.h"
#include "worker/criteria/column_pruning.h"
#include "worker/criteria/input_products.h"

namespace espalier {
namespace {

/// Columns so that the inputs at one kernel position lie side by side, as groups of n:m do.
at::Tensor column_order(const at::Tensor& weight) {
  const std::int64_t inputs = weight.size(1), area = weight.numel() / weight.size(0) / inputs;
  return at::arange(inputs * area, weight.options().dtype(at::kLong)).view({inputs, area}).t().reshape({-1});
}

}  // namespace

/// Goes through the layers in order, each with the inputs that the pruned layers before it give, and prunes each column
/// by column, changing the columns to come: Frantar & Alistarh 2023, arXiv:2301.00774. `blocksize` columns are chosen
/// from together, their counts in proportion so that the layer's is exact, but for weights that no input reaches: those
/// that were chosen to stay go, too. `damping` as in inverse_factor. Linear
/// layers and convolutions (unfolded). Errors: ErrorKind::invalid_input for one ranking over all layers, whose errors
/// cannot be compared, and for granularities other than weight and n:m.
void repair_sparsegpt(const CriterionContext& context, const RepairOrder& order) {
  const bool n_of_m = order.granularity.kind == Granularity::Kind::n_of_m;
  if (!n_of_m && order.granularity.kind != Granularity::Kind::weight)
    throw Error(ErrorKind::invalid_input, "prune.granularity: sparsegpt prunes single weights or n:m");
  if (!n_of_m && order.target.layer_kept.empty()) {
    throw Error(ErrorKind::invalid_input,
                "prune.allocation: sparsegpt prunes layer by layer, so it needs an allocation that gives each layer a "
                "count (uniform, erk, a table), not one ranking of all");
  }
  const auto block = std::max<std::int64_t>(1, static_cast<std::int64_t>(context.option("blocksize")));
  Network& network = context.network;
  for (std::size_t i = 0; i < order.layers.size(); ++i) {
    const std::size_t layer = order.layers[i];
    const at::Tensor hessians = input_products(context, {layer}).front().products;
    const at::NoGradGuard no_grad;
    const PrunableWeight& prunable = context.weights()[layer];
    const std::int64_t rows = prunable.weight.size(0) / hessians.size(0);
    const at::Tensor weight = prunable.weight.flatten(1), surviving = prunable.mask.flatten(1).to(at::kByte);
    // A layer's count is shared by its groups as a row's is by its blocks of columns.
    std::vector<std::int64_t> counts(static_cast<std::size_t>(hessians.size(0)), 0);
    if (!n_of_m)
      counts = counts_of_blocks(surviving.reshape({hessians.size(0), -1}).t(), 1, order.target.layer_kept.at(i));
    std::vector<at::Tensor> weights, masks;
    for (std::int64_t group = 0; group < hessians.size(0); ++group) {
      at::Tensor hessian = hessians[group];
      at::Tensor of_group = weight.narrow(0, group * rows, rows), left = surviving.narrow(0, group * rows, rows);
      const at::Tensor columns = column_order(prunable.weight);
      ColumnPruning rules{block, 0, 0, {}};
      if (n_of_m) {
        rules.kept = order.granularity.kept;
        rules.of = order.granularity.of;
        of_group = of_group.index_select(1, columns);
        left = left.index_select(1, columns);
        hessian = hessian.index_select(0, columns).index_select(1, columns);
      } else {
        rules.counts = counts_of_blocks(left, block, counts[static_cast<std::size_t>(group)]);
      }
      // A column without input can be anything: its weights become zero, and are gone after the others were chosen.
      const at::Tensor has_input = hessian.diagonal().ne(0);
      PrunedColumns pruned =
          prune_columns(of_group.mul(has_input), left, inverse_factor(hessian, context.option("damping")), rules);
      pruned.mask.mul_(has_input);
      if (n_of_m) {
        const at::Tensor back = columns.argsort();
        pruned.weight = pruned.weight.index_select(1, back);
        pruned.mask = pruned.mask.index_select(1, back);
      }
      weights.push_back(pruned.weight);
      masks.push_back(pruned.mask);
    }
    NamedTensors changed = network.masks();
    for (auto& [name, mask] : changed) {
      if (name == prunable.parameter) mask = at::cat(masks).view(prunable.mask.sizes());
    }
    prunable.weight.copy_(at::cat(weights).view(prunable.weight.sizes()));
    network.set_masks(changed);
  }
}

}  // namespace espalier
