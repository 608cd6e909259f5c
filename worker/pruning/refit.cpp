#include "worker/pruning/refit.h"

#include <algorithm>
#include <map>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "experiments/pruning/removed_units.h"
#include "worker/criteria/column_pruning.h"
#include "worker/criteria/input_products.h"

namespace espalier {
namespace {

constexpr std::int64_t kProductBytesAtOnce = std::int64_t{512} << 20;

/// Of each layer that reads removed channels or heads: which of its inputs those are.
std::map<std::string, std::vector<bool>> removed_inputs(const OperatorGraph& graph, const NamedTensors& masks) {
  std::map<std::string, std::vector<bool>> removed;
  const TensorFile file = to_file(masks, {});
  for (const RemovedUnits& units : removed_units(graph, file.content.tensors)) {
    for (const ScopeMember& member : units.scope.members) {
      if (!member.reads()) continue;
      std::vector<bool>& inputs = removed[member.layer];
      const std::int64_t slices = member.slices(units.scope.units);
      inputs.resize(std::max(inputs.size(), static_cast<std::size_t>(slices)), false);
      for (std::int64_t slice = 0; slice < slices; ++slice) {
        const std::int64_t unit = member.unit(slice);
        if (unit >= 0 && units.leaves[static_cast<std::size_t>(unit)]) inputs[static_cast<std::size_t>(slice)] = true;
      }
    }
  }
  return removed;
}

/// Columns of the weight as a matrix, of one group, by whether what they read stays.
struct Columns {
  at::Tensor kept, gone;
};

Columns columns_of(const PrunableWeight& prunable, std::int64_t group, const std::vector<bool>& removed) {
  const std::int64_t inputs = prunable.weight.size(1);
  const std::int64_t area = prunable.weight.numel() / prunable.weight.size(0) / inputs;
  std::vector<std::int64_t> kept, gone;
  for (std::int64_t column = 0; column < inputs * area; ++column)
    (removed.at(static_cast<std::size_t>(group * inputs + column / area)) ? gone : kept).push_back(column);
  const auto options = prunable.weight.options().dtype(at::kLong);
  return {at::tensor(kept, options), at::tensor(gone, options)};
}

/// The bias of a layer, without its graph; undefined if there is none.
at::Tensor bias_of(const Network& network, const std::string& layer) {
  const auto found = std::ranges::find(network.named(), layer + ".bias", &Parameter::name);
  return found == network.named().end() ? at::Tensor() : found->leaf.detach();
}

at::Tensor block_of(const at::Tensor& matrix, const at::Tensor& rows, const at::Tensor& columns) {
  return matrix.index_select(0, rows).index_select(1, columns);
}

/// sum of ||D x||^2 over rows, from the sum of x x^T.
double squared_norm(const at::Tensor& difference, const at::Tensor& products) {
  return difference.matmul(products).mul(difference).sum().item<double>();
}

struct Fitted {
  RefittedLayer report;
  at::Tensor weight, bias;  // float64; undefined for no bias
};

Fitted fit_again(const PrunableWeight& prunable, const at::Tensor& bias, const InputProducts& inputs,
                 const std::vector<bool>& removed, double damping) {
  RefittedLayer report{prunable.layer};
  std::vector<at::Tensor> weights, biases;
  const std::int64_t groups = inputs.products.size(0), rows = prunable.weight.size(0) / groups;
  for (std::int64_t group = 0; group < groups; ++group) {
    const Columns columns = columns_of(prunable, group, removed);
    const at::Tensor before = prunable.weight.flatten(1).narrow(0, group * rows, rows).to(at::kDouble);
    const at::Tensor gone = before.index_select(1, columns.gone);
    report.before += squared_norm(gone, block_of(inputs.products[group], columns.gone, columns.gone));
    const at::Tensor mean = inputs.sums[group].div(static_cast<double>(inputs.rows));
    at::Tensor products = inputs.products[group];
    if (bias.defined()) products = products.sub(at::outer(mean, inputs.sums[group]));
    at::Tensor after = at::zeros_like(before);
    if (columns.kept.numel() > 0) {
      const at::Tensor factor = inverse_factor(block_of(products, columns.kept, columns.kept), damping);
      const at::Tensor change =
          gone.matmul(block_of(products, columns.gone, columns.kept)).matmul(factor.t()).matmul(factor);
      after.index_copy_(1, columns.kept, before.index_select(1, columns.kept).add(change));
    }
    report.after += squared_norm(before.sub(after), products);
    weights.push_back(after);
    if (bias.defined()) biases.push_back(bias.narrow(0, group * rows, rows).add(before.sub(after).matmul(mean)));
  }
  return {report, at::cat(weights).view(prunable.weight.sizes()), bias.defined() ? at::cat(biases) : at::Tensor()};
}

}  // namespace

std::vector<RefittedLayer> refit(const CriterionContext& uncut, const NamedTensors& masks, double damping) {
  const at::NoGradGuard no_grad;
  const Network& network = uncut.network;
  if (!network.description().graph) {
    throw Error(ErrorKind::invalid_input,
                "repair: refit needs to know what reads what, which a black box does not show; leave it out");
  }
  const auto removed = removed_inputs(*network.description().graph, masks);
  const std::vector<PrunableLayer> layers = prunable_layers(network.description());
  std::vector<std::size_t> readers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto found = removed.find(layers[i].name);
    const bool reads = found != removed.end() && std::ranges::find(found->second, true) != found->second.end();
    if (reads && !layers[i].transposed) readers.push_back(i);
  }
  std::vector<Fitted> fitted;
  for (std::size_t first = 0; first < readers.size();) {  // one pass, or several where the sums are large
    std::vector<std::size_t> together;
    for (std::int64_t bytes = 0; first < readers.size(); ++first) {
      const at::Tensor& weight = uncut.weights()[readers[first]].weight;
      const std::int64_t columns = weight.numel() / weight.size(0);
      bytes += columns * columns * layers[readers[first]].groups * static_cast<std::int64_t>(sizeof(double));
      if (bytes > kProductBytesAtOnce && !together.empty()) break;
      together.push_back(readers[first]);
    }
    const std::vector<InputProducts> inputs = input_products(uncut, together);
    for (std::size_t i = 0; i < together.size(); ++i) {
      const PrunableWeight& prunable = uncut.weights()[together[i]];
      fitted.push_back(
          fit_again(prunable, bias_of(network, prunable.layer), inputs[i], removed.at(prunable.layer), damping));
    }
  }
  // Only now, since every pass is to see the uncut network.
  std::vector<RefittedLayer> reports;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    const PrunableWeight& prunable = uncut.weights()[readers[i]];
    prunable.weight.copy_(fitted[i].weight);
    if (fitted[i].bias.defined()) bias_of(network, prunable.layer).copy_(fitted[i].bias);
    reports.push_back(std::move(fitted[i].report));
  }
  return reports;
}

}  // namespace espalier
