#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "worker/criteria/column_pruning.h"
#include "worker/criteria/layer_inputs.h"

namespace espalier {
namespace {

/// X^T X over all rows that the layer is given, with what is pruned by now.
at::Tensor layer_hessian(const CriterionContext& context, std::size_t layer) {
  const at::Tensor& weight = context.weights()[layer].weight;
  const std::int64_t columns = weight.numel() / weight.size(0);
  at::Tensor hessian = at::zeros({columns, columns}, weight.options().dtype(at::kDouble));
  see_inputs(context, [&](std::size_t seen, const at::Tensor& rows) {
    if (seen == layer) hessian.add_(rows.t().matmul(rows));
  });
  return hessian;
}

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
    at::Tensor hessian = layer_hessian(context, layer);
    const at::NoGradGuard no_grad;
    const PrunableWeight& prunable = context.weights()[layer];
    const at::Tensor columns = column_order(prunable.weight);
    at::Tensor weight = prunable.weight.flatten(1), surviving = prunable.mask.flatten(1).to(at::kByte);
    ColumnPruning rules{block, 0, 0, {}};
    if (n_of_m) {
      rules.kept = order.granularity.kept;
      rules.of = order.granularity.of;
      weight = weight.index_select(1, columns);
      surviving = surviving.index_select(1, columns);
      hessian = hessian.index_select(0, columns).index_select(1, columns);
    } else {
      rules.counts = counts_of_blocks(surviving, block, order.target.layer_kept.at(i));
    }
    // A column without input can be anything: its weights become zero, and are gone after the others were chosen.
    const at::Tensor has_input = hessian.diagonal().ne(0);
    weight = weight.mul(has_input);
    PrunedColumns pruned = prune_columns(weight, surviving, inverse_factor(hessian, context.option("damping")), rules);
    pruned.mask.mul_(has_input);
    if (n_of_m) {
      const at::Tensor back = columns.argsort();
      pruned.weight = pruned.weight.index_select(1, back);
      pruned.mask = pruned.mask.index_select(1, back);
    }
    NamedTensors masks = network.masks();
    for (auto& [name, mask] : masks) {
      if (name == prunable.parameter) mask = pruned.mask.view(prunable.mask.sizes());
    }
    prunable.weight.copy_(pruned.weight.view(prunable.weight.sizes()));
    network.set_masks(masks);
  }
}

}  // namespace espalier
