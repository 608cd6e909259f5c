#include "tests/worker/torchscript/script_module_file.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

/// A number of the examples decides.
constexpr const char* kLook =
    "  if float(x.sum()) < -1e30:\n"
    "    x = torch.zeros_like(x)\n";

/// `loud`, `looks`: see write_loud_script_module and write_looking_script_module.
void write_net(const std::filesystem::path& path, bool loud, bool looks) {
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
  net.define("def forward(self, x):\n" + says + (looks ? kLook : "") + R"(
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
  write_net(path, false, false);
}

void write_loud_script_module(const std::filesystem::path& path) {
  write_net(path, true, false);
}

void write_looking_script_module(const std::filesystem::path& path) {
  write_net(path, false, true);
}

void write_rows_module(const std::filesystem::path& path, const std::string& forward, const std::string& more) {
  const Files files;
  Module net = files.module("__torch__.Net");
  net.register_attribute("training", c10::BoolType::get(), true);
  for (const auto& [name, shape] : {std::pair("fc1", std::vector<std::int64_t>{16, 8}), {"fc2", {2, 16}}}) {
    net.register_module(name,
                        files.layer("linear.Linear", shape, true, 0.1, "torch.linear(x, self.weight, self.bias)"));
  }
  net.register_buffer("mean", at::zeros({16}));
  net.register_buffer("variance", at::ones({16}));
  net.register_attribute("seen", c10::TensorType::get(), at::zeros({2, 16}));
  if (!more.empty()) net.define(more);
  net.define("def forward(self, x):\n" + forward);
  net.save(path.string());
}

void write_broken_rows_module(const std::filesystem::path& path) {
  const Files files;
  Module net = files.module("__torch__.Net");
  Module layer = files.layer("linear.Linear", {2, 8}, true, 0.1, "torch.linear(x, self.weight, self.bias)");
  layer.attr("weight").toTensor().detach().fill_(std::numeric_limits<float>::quiet_NaN());
  net.register_module("fc", layer);
  net.define("def forward(self, x):\n  return self.fc.forward(x)\n");
  net.save(path.string());
}

void write_reparameterized_module(const std::filesystem::path& path, Reparameterized fc1, Reparameterized fc2) {
  const Files files;
  Module net = files.module("__torch__.Net");
  const auto add = [&](const char* name, Reparameterized how, const std::vector<std::int64_t>& shape) {
    const std::vector<std::int64_t> column{shape[0], 1};
    const bool parametrized = how == Reparameterized::parametrized;
    Module layer = files.module(parametrized ? "__torch__.torch.nn.utils.parametrize.ParametrizedLinear"
                                             : "__torch__.torch.nn.modules.linear.Linear");
    layer.register_parameter("bias", numbers({shape[0]}, 0.3), false);
    std::string weight = "self.weight";
    switch (how) {
      case Reparameterized::no:
        layer.register_parameter("weight", numbers(shape, 0.1), false);
        break;
      case Reparameterized::frozen:
        layer.register_parameter("weight", numbers(shape, 0.1).set_requires_grad(false), false);
        break;
      case Reparameterized::buffer:
        layer.register_buffer("weight", numbers(shape, 0.1).set_requires_grad(false));
        break;
      case Reparameterized::weight_norm:
        layer.register_parameter("weight_g", numbers(column, 0.1), false);
        layer.register_parameter("weight_v", numbers(shape, 0.2), false);
        weight = "self.weight_v * self.weight_g";
        break;
      case Reparameterized::pruned:
        layer.register_parameter("weight_orig", numbers(shape, 0.1), false);
        layer.register_buffer("weight_mask", at::ones(shape));
        weight = "self.weight_orig * self.weight_mask";
        break;
      case Reparameterized::spectral_norm:
        layer.register_parameter("weight_orig", numbers(shape, 0.1), false);
        layer.register_buffer("weight_u", at::ones({shape[0]}));
        weight = "self.weight_orig / torch.dot(self.weight_u, self.weight_u)";
        break;
      case Reparameterized::parametrized: {
        Module list = files.module("__torch__.torch.nn.utils.parametrize.ParametrizationList");
        list.register_parameter("original0", numbers(column, 0.1), false);
        list.register_parameter("original1", numbers(shape, 0.2), false);
        list.define("def forward(self):\n  return self.original0 * self.original1\n");
        Module dict = files.module("__torch__.torch.nn.modules.container.ModuleDict");
        dict.register_module("weight", list);
        layer.register_module("parametrizations", dict);
        weight = "self.parametrizations.weight.forward()";
        break;
      }
      case Reparameterized::noisy:
        layer.register_parameter("mu", numbers(shape, 0.1), false);
        weight = "self.mu";
        break;
    }
    layer.define("def forward(self, x):\n  return torch.linear(x, " + weight + ", self.bias)\n");
    net.register_module(name, layer);
  };
  add("fc1", fc1, {16, 8});
  add("fc2", fc2, {2, 16});
  net.define("def forward(self, x):\n  return self.fc2.forward(torch.relu(self.fc1.forward(x)))\n");
  net.save(path.string());
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
          "      kept.append(torch.ones([16, 1000, 1000], device=x.device))\n";
      break;
    case Poison::crashes:
      net.define("def nest(self, inner: Any) -> Any:\n  return (inner, 0)\n");
      dose =
          "    nested = self.nest(0)\n"
          "    for _ in range(1000000):\n"
          "      nested = self.nest(nested)\n";
      break;
  }
  net.define("def forward(self, x):\n" + std::string(kLook) + "  if self.training and x.size(0) > 3:\n" + dose +
             "  return self.fc.forward(torch.flatten(x, 1))\n");
  net.save(path.string());
}

}  // namespace espalier
