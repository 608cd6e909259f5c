#include "worker/criteria/example_gradients.h"

#include <algorithm>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "worker/criteria/layer_inputs.h"
#include "worker/criteria/loss_derivatives.h"

namespace espalier {
namespace {

using See = std::function<void(std::size_t, std::int64_t, const at::Tensor&)>;

constexpr std::int64_t kValuesAtOnce = 1 << 22;  // 16 MB of float32

class LayerObserver : public ForwardObserver {
 public:
  explicit LayerObserver(const Network& network)
      : network_(network), inputs(network.prunable().size()), outputs(network.prunable().size()) {}

  void on_layer_input(const std::string& layer, const at::Tensor& input) override { keep(inputs, layer, input); }
  void on_layer_output(const std::string& layer, const at::Tensor& output) override { keep(outputs, layer, output); }

  bool saw_each_once() const {
    return !twice_ && std::all_of(outputs.begin(), outputs.end(), [](const at::Tensor& one) { return one.defined(); });
  }

 private:
  void keep(std::vector<at::Tensor>& where, const std::string& layer, const at::Tensor& tensor) {
    for (std::size_t i = 0; i < where.size(); ++i) {
      if (network_.prunable()[i].layer != layer) continue;
      twice_ = twice_ || where[i].defined();
      where[i] = tensor;
    }
  }

  const Network& network_;
  bool twice_ = false;

 public:
  std::vector<at::Tensor> inputs, outputs;
};

/// [N, out, positions] of [N * each, ...].
at::Tensor by_position(const at::Tensor& gradient, bool conv, std::int64_t each) {
  const at::Tensor positions =
      conv ? gradient.flatten(2) : gradient.reshape({gradient.size(0), -1, gradient.size(-1)}).transpose(1, 2);
  if (each == 1) return positions;
  return positions.unflatten(0, {-1, each}).transpose(1, 2).flatten(2);
}

void see_layer(const Network& network, std::size_t layer, const at::Tensor& input, const at::Tensor& output_gradient,
               const See& see) {
  const std::string& name = network.prunable()[layer].layer;
  const std::optional<Unfolding> unfolding = unfolding_of(network.description(), name);
  const ExamplesIn examples = *examples_given(network.description(), name);
  const at::Tensor given = input.detach().movedim(examples.dim, 0);
  const at::Tensor gradient =
      by_position(output_gradient.movedim(examples.dim, 0), unfolding.has_value(), examples.each);
  const at::Tensor& weight = network.prunable()[layer].weight;
  const std::int64_t columns = weight.numel() / weight.size(0), groups = unfolding ? unfolding->groups : 1;
  const std::int64_t largest = std::max(weight.numel(), groups * columns * gradient.size(2));
  const std::int64_t step = std::clamp<std::int64_t>(kValuesAtOnce / largest, 1, gradient.size(0));
  for (std::int64_t first = 0; first < gradient.size(0); first += step) {
    const std::int64_t count = std::min(step, gradient.size(0) - first);
    const at::Tensor part = given.narrow(0, first * examples.each, count * examples.each);
    std::vector<at::Tensor> by_group;
    for (std::int64_t group = 0; group < groups; ++group) {
      const std::int64_t outputs = gradient.size(1) / groups;
      by_group.push_back(at::bmm(gradient.narrow(0, first, count).narrow(1, group * outputs, outputs),
                                 input_rows(part, unfolding, group, examples.each)));
    }
    see(layer, first, groups == 1 ? by_group[0] : at::cat(by_group, 1));
  }
}

/// Whether the products of what layers are given and of the gradients of what they give are those of examples.
bool has_products_of_examples(const Network& network) {
  const std::vector<PrunableLayer> layers = prunable_layers(network.description());
  return std::all_of(layers.begin(), layers.end(), [&](const PrunableLayer& layer) {
    return !layer.transposed && examples_given(network.description(), layer.name);
  });
}

void see_one_by_one(const Network& network, const Batch& batch, const See& see) {
  for (std::int64_t i = 0; i < batch.inputs.size(0); ++i) {
    const at::Tensor losses =
        network.task().example_losses(network.forward(batch.inputs.narrow(0, i, 1)), batch.labels.narrow(0, i, 1));
    const std::vector<at::Tensor> gradients = weight_derivatives(network, losses.sum());
    for (std::size_t layer = 0; layer < gradients.size(); ++layer)
      see(layer, i, gradients[layer].flatten(1).unsqueeze(0));
  }
}

}  // namespace

void see_example_gradients(const Network& network, const Batch& batch, const See& see) {
  const at::AutoGradMode with_grad(true);
  LayerObserver observer(network);
  const at::Tensor logits = network.forward(batch.inputs, {Mode::evaluate, &observer});
  if (!observer.saw_each_once() || !has_products_of_examples(network)) return see_one_by_one(network, batch, see);
  const at::Tensor loss = network.task().example_losses(logits, batch.labels).sum();
  const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, observer.outputs);
  const at::NoGradGuard no_grad;
  for (std::size_t layer = 0; layer < gradients.size(); ++layer)
    see_layer(network, layer, observer.inputs[layer], gradients[layer], see);
}

std::vector<at::Tensor> fisher_diagonal(const CriterionContext& context) {
  if (context.batches <= 0)
    throw Error(ErrorKind::internal, "a criterion that looks at gradients was given no batches");
  std::vector<at::Tensor> diagonal;
  for (const PrunableWeight& prunable : context.weights()) diagonal.push_back(at::zeros_like(prunable.weight));
  std::int64_t examples = 0;
  for (std::int64_t index = 0; index < context.batches; ++index) {
    const Batch batch = context.batch(index);
    examples += batch.inputs.size(0);
    see_example_gradients(context.network, batch, [&](std::size_t layer, std::int64_t, const at::Tensor& gradients) {
      diagonal[layer].add_(gradients.square().sum(0).view(diagonal[layer].sizes()));
    });
  }
  for (at::Tensor& one : diagonal) one.div_(static_cast<double>(examples));
  return diagonal;
}

}  // namespace espalier
