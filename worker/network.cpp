#include "worker/network.h"

#include <functional>
#include <numeric>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

namespace espalier {
namespace {

std::int64_t elements(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

at::Tensor part(const at::Tensor& flat, std::int64_t offset, const std::vector<std::int64_t>& shape) {
  return flat.narrow(0, offset, elements(shape)).view(shape);
}

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

Network::Network(const ModelDescription& model, c10::Device device) {
  const at::NoGradGuard no_grad;
  const auto options = at::TensorOptions(device).dtype(at::kFloat);
  const std::int64_t count = count_model(model).parameters;
  parameters_ = at::zeros({count}, options);
  gradients_ = at::zeros({count}, options);
  masks_ = at::ones({count}, options);
  std::int64_t offset = 0;
  for (const Op& op : model.ops) {
    layers_.push_back(std::visit(
        Overloaded{[&](const LinearOp& linear) -> Layer {
                     return PrunableLinear(take(linear.name, {linear.out, linear.in}, linear.bias, offset));
                   },
                   [&](const Conv2dOp& conv) -> Layer {
                     auto tensors = take(conv.name, {conv.out, conv.in, conv.kernel, conv.kernel}, conv.bias, offset);
                     return PrunableConv2d(std::move(tensors), conv.stride, conv.padding);
                   },
                   [](const ReluOp&) -> Layer { return Relu{}; },
                   [](const MaxPool2dOp& pool) -> Layer { return MaxPool{pool}; },
                   [](const FlattenOp&) -> Layer { return Flatten{}; }},
        op));
  }
}

LayerTensors Network::take(const std::string& layer, const std::vector<std::int64_t>& weight_shape, bool bias,
                           std::int64_t& offset) {
  PrunableWeight prunable{
      layer, layer + ".weight", {}, part(masks_, offset, weight_shape), part(gradients_, offset, weight_shape)};
  prunable.weight = part(parameters_, offset, weight_shape);
  prunable_.push_back(prunable);
  LayerTensors tensors{add_parameter(prunable.parameter, weight_shape, offset), {}, prunable.mask};
  if (bias) tensors.bias = add_parameter(layer + ".bias", {weight_shape[0]}, offset);
  return tensors;
}

at::Tensor Network::add_parameter(std::string name, const std::vector<std::int64_t>& shape, std::int64_t& offset) {
  // variable_data: the same memory, but a leaf of its own to autograd.
  at::Tensor leaf = part(parameters_, offset, shape).variable_data();
  leaf.set_requires_grad(true);
  named_.push_back({std::move(name), leaf});
  offset += elements(shape);
  return leaf;
}

at::Tensor Network::forward(const at::Tensor& images) const {
  at::Tensor x = images;
  for (const Layer& layer : layers_) {
    x = std::visit(Overloaded{[&](const PrunableLinear& linear) { return linear.forward(x); },
                              [&](const PrunableConv2d& conv) { return conv.forward(x); },
                              [&](const Relu&) { return at::relu(x); },
                              [&](const MaxPool& pool) { return at::max_pool2d(x, pool.op.kernel, pool.op.stride); },
                              [&](const Flatten&) { return x.flatten(1); }},
                   layer);
  }
  return x;
}

at::Tensor Network::loss_and_gradients(const at::Tensor& images, const at::Tensor& labels) {
  const at::AutoGradMode with_grad(true);
  const at::Tensor loss = at::cross_entropy_loss(forward(images), labels);
  loss.backward();
  const at::NoGradGuard no_grad;
  // Autograd leaves each gradient in a tensor of its own without copying; one pass gathers them.
  std::vector<at::Tensor> pieces;
  for (Parameter& parameter : named_) {
    pieces.push_back(parameter.tensor.grad().reshape({-1}));
    parameter.tensor.mutable_grad().reset();
  }
  at::cat_out(gradients_, pieces);
  return loss.detach();
}

void Network::apply_masks() {
  if (masked_) parameters_.mul_(masks_);
}

void Network::set_weights(const NamedTensors& weights) {
  const at::NoGradGuard no_grad;
  for (Parameter& parameter : named_) parameter.tensor.copy_(tensor_like(weights, parameter.name, parameter.tensor));
  apply_masks();
}

NamedTensors Network::weights() const {
  NamedTensors weights;
  for (const Parameter& parameter : named_) weights.emplace_back(parameter.name, parameter.tensor.detach().clone());
  return weights;
}

void Network::set_masks(const NamedTensors& masks) {
  for (PrunableWeight& prunable : prunable_) {
    prunable.mask.copy_(tensor_like(masks, prunable.parameter, prunable.mask.to(at::kByte)));
  }
  masked_ = true;
  apply_masks();
}

}  // namespace espalier
