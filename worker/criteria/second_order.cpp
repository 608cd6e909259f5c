#include "worker/criteria/second_order.h"

#include <numeric>
#include <tuple>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cholesky_inverse.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "worker/criteria/example_gradients.h"
#include "worker/criteria/loss_derivatives.h"

namespace espalier {
namespace {

std::int64_t count_prunable(const Network& network) {
  const auto& prunable = network.prunable();
  return std::accumulate(prunable.begin(), prunable.end(), std::int64_t{0},
                         [](std::int64_t sum, const PrunableWeight& one) { return sum + one.weight.numel(); });
}

/// Adds the diagonal of one batch's Hessian to `diagonal`.
void add_diagonal(const CriterionContext& context, const Batch& batch, std::vector<at::Tensor>& diagonal) {
  const at::AutoGradMode with_grad(true);
  const at::Tensor loss = context.network.loss(batch.inputs, batch.labels, {context.mode});
  const std::vector<at::Tensor> gradients = weight_derivatives(context.network, loss, true);
  for (std::size_t layer = 0; layer < gradients.size(); ++layer) {
    const PrunableWeight& prunable = context.weights()[layer];
    const at::Tensor gradient = gradients[layer].flatten(), mask = prunable.mask.to(at::kCPU).flatten();
    if (!gradient.requires_grad()) continue;
    const at::Tensor out = diagonal[layer].view({-1});
    for (std::int64_t i = 0; i < gradient.numel(); ++i) {
      if (mask[i].item<double>() == 0) continue;
      const at::Tensor row =
          torch::autograd::grad({gradient.select(0, i)}, {prunable.leaf}, {}, true, false, true).at(0);
      const at::NoGradGuard no_grad;
      if (row.defined()) out.select(0, i).add_(row.flatten().select(0, i));
    }
  }
}

}  // namespace

std::vector<at::Tensor> hessian_diagonal(const CriterionContext& context) {
  if (context.batches <= 0)
    throw Error(ErrorKind::internal, "a criterion that looks at gradients was given no batches");
  std::vector<at::Tensor> diagonal;
  for (const PrunableWeight& prunable : context.weights()) diagonal.push_back(at::zeros_like(prunable.weight));
  for (std::int64_t index = 0; index < context.batches; ++index) add_diagonal(context, context.batch(index), diagonal);
  for (at::Tensor& one : diagonal) one.div_(static_cast<double>(context.batches));
  return diagonal;
}

at::Tensor outer_product_hessian(const Network& network, const CriterionContext& context) {
  const std::int64_t count = count_prunable(network);
  at::Tensor hessian = at::zeros({count, count}, network.prunable().at(0).weight.options());
  std::int64_t examples = 0;
  for (std::int64_t index = 0; index < context.batches; ++index) {
    Batch batch = context.batch(index);
    if (batch.labels.dim() != 1) {
      throw Error(ErrorKind::invalid_input, "prune.criterion: obs needs one label for each example, and " +
                                                network.description().name + " labels every token");
    }
    batch.inputs = batch.inputs.to(at::kDouble);
    examples += batch.inputs.size(0);
    at::Tensor probabilities;
    {
      const at::NoGradGuard no_grad;
      probabilities = at::softmax(network.forward(batch.inputs), 1);
    }
    for (std::int64_t label = 0; label < probabilities.size(1); ++label) {
      std::vector<std::vector<at::Tensor>> parts(network.prunable().size());
      see_example_gradients(network, {batch.inputs, at::full_like(batch.labels, label)},
                            [&](std::size_t layer, std::int64_t, const at::Tensor& gradients) {
                              parts[layer].push_back(gradients.flatten(1));
                            });
      std::vector<at::Tensor> columns;
      for (const auto& layer : parts) columns.push_back(at::cat(layer, 0));
      const at::NoGradGuard no_grad;
      const at::Tensor gradients = at::cat(columns, 1);
      hessian.addmm_(gradients.mul(probabilities.select(1, label).unsqueeze(1)).t(), gradients);
    }
  }
  return hessian.div_(static_cast<double>(examples));
}

Surgery delete_weights(const at::Tensor& hessian, const at::Tensor& weights, const at::Tensor& surviving,
                       const std::vector<std::int64_t>& group, std::vector<std::int64_t> remove) {
  const at::NoGradGuard no_grad;
  const at::Tensor alive = surviving.to(at::kCPU).nonzero().flatten();  // indices of the weights that take part
  const at::Tensor part = hessian.to(at::kCPU).index_select(0, alive).index_select(1, alive);
  const auto [factor, info] = at::linalg_cholesky_ex(part);
  if (info.item<std::int64_t>() != 0) {
    throw Error(ErrorKind::numeric,
                "the Hessian is not positive definite, so the weights are at no minimum of the loss; "
                "train further, or raise criterion: {obs: {damping: ..}}");
  }
  at::Tensor inverse = at::cholesky_inverse(factor);
  at::Tensor left = weights.to(at::kCPU, at::kDouble).index_select(0, alive).clone();

  Surgery surgery;
  surgery.kept.assign(group.size(), false);
  std::vector<double> closed(static_cast<std::size_t>(alive.numel()), 0);  // infinite: not to be deleted
  const std::int64_t* index = alive.data_ptr<std::int64_t>();
  const auto group_of = [&](std::size_t i) { return group[static_cast<std::size_t>(index[i])]; };
  const auto close = [&](auto condition) {
    for (std::size_t i = 0; i < closed.size(); ++i) {
      if (condition(i)) closed[i] = HUGE_VAL;
    }
  };
  close([&](std::size_t i) { return group_of(i) < 0 || remove[static_cast<std::size_t>(group_of(i))] <= 0; });
  for (std::size_t i = 0; i < closed.size(); ++i) surgery.kept[static_cast<std::size_t>(index[i])] = true;

  const at::Tensor penalty = at::from_blob(closed.data(), {alive.numel()}, at::kDouble);
  for (std::int64_t todo = std::accumulate(remove.begin(), remove.end(), std::int64_t{0}); todo > 0; --todo) {
    const at::Tensor increase = left.square().div(inverse.diagonal()).mul(0.5).add(penalty);
    const auto q = increase.argmin().item<std::int64_t>();
    const auto at_q = static_cast<std::size_t>(q);
    if (!(increase[q].item<double>() < HUGE_VAL))
      throw Error(ErrorKind::numeric, "optimal brain surgery found no weight to delete: its numbers are not finite");
    surgery.increases.push_back(increase[q].item<double>());
    const at::Tensor column = inverse.select(1, q).clone();
    const double pivot = column[q].item<double>();
    left.sub_(column, left[q].item<double>() / pivot);
    inverse.addr_(column, column, 1, -1 / pivot);
    // Deleted weights: no longer changed, nor read.
    inverse.select(0, q).zero_();
    inverse.select(1, q).zero_();
    inverse.select(0, q).select(0, q).fill_(1);
    left.select(0, q).zero_();
    closed[at_q] = HUGE_VAL;
    surgery.kept[static_cast<std::size_t>(index[q])] = false;
    if (--remove[static_cast<std::size_t>(group_of(at_q))] == 0) {
      const std::int64_t full = group_of(at_q);
      close([&](std::size_t i) { return group_of(i) == full; });
    }
  }
  surgery.weights = at::zeros({static_cast<std::int64_t>(group.size())}, at::kDouble).index_put({alive}, left);
  return surgery;
}

}  // namespace espalier
