#include "worker/network/flat_parameters.h"

#include <functional>
#include <numeric>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"

namespace espalier {
namespace {

std::int64_t elements(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

}  // namespace

FlatParameters::FlatParameters(std::int64_t count, c10::Device device, c10::ScalarType type) {
  const auto options = at::TensorOptions(device).dtype(type);
  values = at::zeros({count}, options);
  gradients = at::zeros({count}, options);
  masks = at::ones({count}, options);
}

at::Tensor FlatParameters::part(const at::Tensor& flat, const std::vector<std::int64_t>& shape) const {
  return flat.narrow(0, offset_, elements(shape)).view(shape);
}

at::Tensor FlatParameters::add(const std::string& name, const std::vector<std::int64_t>& shape, Parameter::Role role) {
  if (offset_ + elements(shape) > values.numel())
    throw Error(ErrorKind::internal, "parameter " + name + " is one more than the model was counted to have");
  const at::NoGradGuard no_grad;
  const at::Tensor weight = part(values, shape);
  // variable_data: the same memory, but a leaf of its own to autograd.
  at::Tensor leaf = weight.variable_data();
  leaf.set_requires_grad(true);
  parameters.push_back({name, role, leaf, part(masks, shape), part(gradients, shape)});
  if (role == Parameter::Role::weight) {
    const std::string layer = name.substr(0, name.rfind('.'));
    prunable.push_back({layer, name, weight, part(masks, shape), part(gradients, shape), leaf});
  }
  offset_ += elements(shape);
  return leaf;
}

at::Tensor FlatParameters::add_buffer(const std::string& name, const std::vector<std::int64_t>& shape, double initial) {
  buffers.push_back({name, at::full(shape, initial, values.options()), initial});
  return buffers.back().tensor;
}

}  // namespace espalier
