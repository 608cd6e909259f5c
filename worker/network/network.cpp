#include "worker/network/network.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

namespace espalier {

Network::Network(const ModelDescription& model, c10::Device device, c10::ScalarType type)
    : description_(model),
      task_(find_task(model.task)),
      flat_(count_model(model).parameters, device, type),
      body_(make_body(model, flat_)) {
  const at::NoGradGuard no_grad;
  for (Parameter& parameter : flat_.parameters) {
    if (parameter.role == Parameter::Role::scale) parameter.leaf.fill_(1);
  }
}

at::Tensor Network::forward(const at::Tensor& input, const Pass& pass) const {
  at::Tensor output = body_->forward(input, pass);
  if (pulse_ != nullptr) pulse_->beat();
  return output;
}

at::Tensor Network::loss(const at::Tensor& input, const at::Tensor& labels, const Pass& pass) const {
  return task_.loss(forward(input, pass), labels);
}

at::Tensor Network::loss_and_gradients(const at::Tensor& input, const at::Tensor& labels, Mode mode,
                                       const Penalty& penalty) {
  const at::AutoGradMode with_grad(true);
  const at::Tensor loss = this->loss(input, labels, {.mode = mode});
  const at::Tensor added = penalty ? penalty() : at::Tensor();
  (added.defined() ? loss.add(added) : loss).backward();
  const at::NoGradGuard no_grad;
  // Autograd leaves each gradient in a tensor of its own without copying; one pass gathers them.
  std::vector<at::Tensor> pieces;
  for (Parameter& parameter : flat_.parameters) {
    at::Tensor& gradient = parameter.leaf.mutable_grad();
    pieces.push_back((gradient.defined() ? gradient : at::zeros_like(parameter.leaf)).reshape({-1}));
    gradient.reset();
  }
  at::cat_out(flat_.gradients, pieces);
  if (pulse_ != nullptr) pulse_->beat();
  return loss.detach();
}

void Network::apply_masks() {
  if (masked_) flat_.values.mul_(flat_.masks);
}

void Network::set_weights(const NamedTensors& weights) {
  const at::NoGradGuard no_grad;
  for (Parameter& parameter : flat_.parameters)
    parameter.leaf.copy_(tensor_like(weights, parameter.name, parameter.leaf));
  for (Buffer& buffer : flat_.buffers) buffer.tensor.copy_(tensor_like(weights, buffer.name, buffer.tensor));
  apply_masks();
}

NamedTensors Network::weights() const {
  NamedTensors weights;
  for (const Parameter& parameter : flat_.parameters)
    weights.emplace_back(parameter.name, parameter.leaf.detach().clone());
  for (const Buffer& buffer : flat_.buffers) weights.emplace_back(buffer.name, buffer.tensor.clone());
  return weights;
}

void Network::set_masks(const NamedTensors& masks) {
  for (Parameter& parameter : flat_.parameters) {
    const bool optional = parameter.role != Parameter::Role::weight;
    if (optional && !has_tensor(masks, parameter.name)) {
      parameter.mask.fill_(1);
    } else {
      parameter.mask.copy_(tensor_like(masks, parameter.name, parameter.mask.to(at::kByte)));
    }
  }
  masked_ = true;
  body_->on_masks_changed();
  apply_masks();
}

NamedTensors Network::masks() const {
  NamedTensors masks;
  for (const Parameter& parameter : flat_.parameters) {
    const at::Tensor mask = parameter.mask.to(at::kByte);
    if (parameter.role == Parameter::Role::weight || !mask.all().item<bool>()) masks.emplace_back(parameter.name, mask);
  }
  return masks;
}

}  // namespace espalier
