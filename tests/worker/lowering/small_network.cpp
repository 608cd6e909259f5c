#include "tests/worker/lowering/small_network.h"

#include <cmath>

#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/api/module.h>

namespace espalier {

using torch::jit::Module;

struct SmallNetwork::Impl {
  std::shared_ptr<torch::jit::CompilationUnit> unit = std::make_shared<torch::jit::CompilationUnit>();
  Module net = module("Net");
  double start = 0.1;

  Module module(const std::string& type) const {
    return {c10::QualifiedName("__torch__." + type), unit, /*shouldMangle=*/true};
  }
  at::Tensor numbers(const std::vector<std::int64_t>& shape) {
    at::Tensor tensor = at::zeros(shape);
    float* values = tensor.data_ptr<float>();
    start += 0.171;
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      const double turn = start + 0.618 * static_cast<double>(i);
      values[i] = static_cast<float>((turn - std::floor(turn) - 0.45) * 0.8);
    }
    return tensor;
  }
  void parameter(const Module& module, const char* name, const std::vector<std::int64_t>& shape) {
    Module(module).register_parameter(name, numbers(shape).set_requires_grad(true), false);
  }
};

SmallNetwork::SmallNetwork() : impl_(std::make_shared<Impl>()) {
  impl_->net.register_attribute("training", c10::BoolType::get(), true);
}

SmallNetwork& SmallNetwork::linear(const std::string& name, std::int64_t in, std::int64_t out) {
  Module layer = impl_->module("torch.nn.modules.linear.Linear");
  impl_->parameter(layer, "weight", {out, in});
  impl_->parameter(layer, "bias", {out});
  layer.define("def forward(self, x):\n  return torch.linear(x, self.weight, self.bias)\n");
  impl_->net.register_module(name, layer);
  return *this;
}

SmallNetwork& SmallNetwork::conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel,
                                 std::int64_t groups) {
  Module layer = impl_->module("torch.nn.modules.conv.Conv2d");
  impl_->parameter(layer, "weight", {out, in / groups, kernel, kernel});
  impl_->parameter(layer, "bias", {out});
  const std::string padding = std::to_string(kernel / 2);
  layer.define("def forward(self, x):\n  return torch.conv2d(x, self.weight, self.bias, [1, 1], [" + padding + ", " +
               padding + "], [1, 1], " + std::to_string(groups) + ")\n");
  impl_->net.register_module(name, layer);
  return *this;
}

SmallNetwork& SmallNetwork::batch_norm(const std::string& name, std::int64_t channels) {
  Module layer = impl_->module("torch.nn.modules.batchnorm.BatchNorm2d");
  layer.register_attribute("training", c10::BoolType::get(), true);
  impl_->parameter(layer, "weight", {channels});
  impl_->parameter(layer, "bias", {channels});
  layer.register_buffer("running_mean", impl_->numbers({channels}));
  layer.register_buffer("running_var", impl_->numbers({channels}).abs().add(0.5));
  layer.register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
  layer.define(
      "def forward(self, x):\n"
      "  if self.training:\n"
      "    self.num_batches_tracked.add_(1)\n"
      "  return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training, 0.1, "
      "1e-05, True)\n");
  impl_->net.register_module(name, layer);
  return *this;
}

SmallNetwork& SmallNetwork::parameter(const std::string& name, const std::vector<std::int64_t>& shape) {
  impl_->parameter(impl_->net, name.c_str(), shape);
  return *this;
}

SmallNetwork& SmallNetwork::buffer(const std::string& name, const at::Tensor& value) {
  impl_->net.register_buffer(name, value);
  return *this;
}

void SmallNetwork::save(const std::filesystem::path& path, const std::string& forward) {
  impl_->net.define("def forward(self, x):\n" + forward);
  impl_->net.save(path.string());
}

}  // namespace espalier
