#include "tests/worker/script_module_file.h"

#include <memory>
#include <string>

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/api/module.h>

namespace espalier {
namespace {

using torch::jit::Module;

/// Numbers that are all different, small, and the same on every machine.
at::Tensor numbers(const std::vector<std::int64_t>& shape, double start) {
  at::Tensor tensor = at::zeros(shape);
  float* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    const double turn = start + 0.618 * static_cast<double>(i);
    values[i] = static_cast<float>((turn - static_cast<double>(static_cast<std::int64_t>(turn)) - 0.5) * 0.4);
  }
  return tensor.set_requires_grad(true);
}

struct Files {
  std::shared_ptr<torch::jit::CompilationUnit> unit = std::make_shared<torch::jit::CompilationUnit>();

  Module module(const std::string& type) const { return Module(c10::QualifiedName(type), unit, /*shouldMangle=*/true); }
  Module layer(const std::string& type, const std::vector<std::int64_t>& shape, bool bias, double start,
               const std::string& code) const {
    Module layer = module("__torch__.torch.nn.modules." + type);
    layer.register_parameter("weight", numbers(shape, start), false);
    if (bias) layer.register_parameter("bias", numbers({shape[0]}, start / 2), false);
    layer.define("def forward(self, x):\n  return " + code + "\n");
    return layer;
  }
};

/// `loud`: see write_loud_script_module.
void write_net(const std::filesystem::path& path, bool loud) {
  const Files files;
  Module net = files.module("__torch__.Net");
  net.register_attribute("training", c10::BoolType::get(), true);
  net.register_module("conv", files.layer("conv.Conv2d", {4, 1, 3, 3}, true, 0.1,
                                          "torch.conv2d(x, self.weight, self.bias, [1, 1], [1, 1], [1, 1], 1)"));
  net.register_module("fc1", files.layer("linear.Linear", {12, 196}, false, 0.2, "torch.matmul(x, self.weight.t())"));
  net.register_module("fc2",
                      files.layer("linear.Linear", {10, 12}, true, 0.3, "torch.linear(x, self.weight, self.bias)"));
  net.register_parameter("gain", at::full({1}, 1.5).set_requires_grad(true), false);
  net.register_parameter("frozen", at::full({1}, 0.5), false);
  net.register_buffer("passes", at::zeros({}, at::kLong));
  net.register_buffer("mask", at::ones({12}));
  net.register_attribute("replaced", c10::TensorType::get(), at::zeros({}, at::kLong));
  Module attention = files.module("__torch__.Causal");
  attention.register_buffer("mask", at::ones({12}));
  attention.define("def forward(self, x):\n  return x * self.mask\n");
  net.register_module("attention", attention);
  const std::string says = loud ? "  print(\"" + std::string(kLoudWords) + "\")\n" : "";
  if (loud) {
    Module voice = files.module("__torch__.Voice");
    voice.define("def __getstate__(self) -> int:\n  return 0\n");
    voice.define("def __setstate__(self, state: int) -> None:\n" + says + "  pass\n");
    voice.define("def forward(self, x):\n  return x\n");
    net.register_module("voice", voice);
  }
  net.define("def forward(self, x):\n" + says + R"(
  if self.training:
    self.passes.add_(1)
    self.replaced = self.replaced + 2
  h = torch.max_pool2d(torch.relu(self.conv.forward(x)), [4, 4])
  h = torch.dropout(torch.flatten(h, 1), 0.25, self.training)
  h = torch.relu(self.fc1.forward(h)) * self.gain * self.mask
  return self.fc2.forward(self.attention.forward(h)) + self.frozen
)");
  net.save(path.string());
}

}  // namespace

void write_script_module(const std::filesystem::path& path) {
  write_net(path, false);
}

void write_loud_script_module(const std::filesystem::path& path) {
  write_net(path, true);
}

void write_script_without_layers(const std::filesystem::path& path) {
  const Files files;
  Module net = files.module("__torch__.Net");
  net.register_parameter("weight", numbers({10, 784}, 0.1), false);
  net.define("def forward(self, x):\n  return torch.linear(torch.flatten(x, 1), self.weight)\n");
  net.save(path.string());
}

void write_poison(const std::filesystem::path& path, Poison poison) {
  const Files files;
  Module net = files.module("__torch__.Net");
  net.register_attribute("training", c10::BoolType::get(), true);
  net.register_module("fc",
                      files.layer("linear.Linear", {10, 784}, true, 0.1, "torch.linear(x, self.weight, self.bias)"));
  std::string dose;
  switch (poison) {
    case Poison::hangs:
      dose =
          "    turns = 0\n"
          "    while turns >= 0:\n"
          "      turns = 1 - turns\n";
      break;
    case Poison::fills_memory:
      dose =
          "    kept = [x]\n"
          "    while len(kept) > 0:\n"
          "      kept.append(torch.ones([1000, 1000]))\n";
      break;
    case Poison::crashes:
      net.define("def nest(self, inner: Any) -> Any:\n  return (inner, 0)\n");
      dose =
          "    nested = self.nest(0)\n"
          "    for _ in range(1000000):\n"
          "      nested = self.nest(nested)\n";
      break;
  }
  net.define("def forward(self, x):\n  if self.training:\n" + dose + "  return self.fc.forward(torch.flatten(x, 1))\n");
  net.save(path.string());
}

}  // namespace espalier
