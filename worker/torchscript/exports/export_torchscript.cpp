#include "worker/torchscript/exports/export_torchscript.h"

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "worker/torchscript/exports/expressions.h"
#include "worker/torchscript/exports/script_literals.h"
#include "worker/torchscript/torch_message.h"

namespace espalier {
namespace {

constexpr const char* kTraining = "training";

/// What no tensor or module can be called, as every module has it, or as LibTorch would write no code that it can read.
bool is_reserved(const std::string& name) {
  return name.empty() || name == kTraining || name == "forward" || is_python_keyword(name);
}

/// A module of the file: the tensors and the modules that its names say are in it.
struct ModuleTree {
  std::map<std::string, ValueIndex> tensors;
  std::map<std::string, std::unique_ptr<ModuleTree>> modules;
  std::vector<std::string> order;  ///< of both

  /// The one within it, made if it is not there.
  std::pair<std::string, ModuleTree*> inner(std::string name) {
    while (is_reserved(name) || tensors.contains(name)) name += "_";
    auto& module = modules[name];
    if (!module) {
      module = std::make_unique<ModuleTree>();
      order.push_back(name);
    }
    return {name, module.get()};
  }
  std::string add(std::string name, ValueIndex tensor) {
    while (is_reserved(name) || tensors.contains(name) || modules.contains(name)) name += "_";
    tensors[name] = tensor;
    order.push_back(name);
    return name;
  }
};

/// What LibTorch would write into its code as it is.
std::string without_quotes(std::string name) {
  std::ranges::replace_if(
      name, [](unsigned char c) { return c == '"' || c == '\\' || c < ' '; }, '_');
  return name;
}

bool holds_numbers(const Value& value) {
  return value.source == Value::Source::parameter || value.source == Value::Source::buffer;
}

class ScriptExport {
 public:
  ScriptExport(const OperatorGraph& graph, const std::vector<std::pair<std::string, at::Tensor>>& tensors)
      : graph_(graph), readings_(graph.values().size()) {
    for (const auto& [name, tensor] : tensors) tensors_.emplace(name, tensor);
    for (ValueIndex i = 0; i < graph.values().size(); ++i)
      if (holds_numbers(graph.value(i))) place(i);
  }

  std::string bytes() {
    ScriptWriter writer(graph_, [&](ValueIndex tensor) { return readings_[tensor]; });
    for (const Node& node : graph_.nodes()) writer.put(node, expression_of(writer, node));
    try {
      torch::jit::Module network = made(root_, "Network");
      network.define(writer.code());
      std::ostringstream out;
      network.save(out);
      return std::move(out).str();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& failure) {
      throw Error(ErrorKind::internal, "the TorchScript that was written is none: " + torch_message(failure.what()));
    }
  }

 private:
  /// Where the tensor goes, and how the code reads it there.
  void place(ValueIndex index) {
    const std::string name = without_quotes(graph_.value(index).name);
    ModuleTree* module = &root_;
    std::string reading = "self";
    std::size_t first = 0;
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', first)) {
      auto [called, inner] = module->inner(name.substr(first, dot - first));
      reading = script_attribute(reading, called);
      module = inner;
      first = dot + 1;
    }
    readings_[index] = script_attribute(reading, module->add(name.substr(first), index));
  }

  /// After the operator that reads its tensors, as Python's torch calls its classes.
  std::string class_of(const ModuleTree& tree) const {
    for (const std::string& name : tree.order) {
      const auto tensor = tree.tensors.find(name);
      if (tensor == tree.tensors.end() || graph_.readers(tensor->second).empty()) continue;
      const Node& node = graph_.nodes()[graph_.readers(tensor->second)[0]];
      const bool is_conv = node.op->name().starts_with("Conv");
      return std::string(node.op->name()) + (is_conv ? std::to_string(graph_.dims(node, 1).size() - 2) + "d" : "");
    }
    return "Module";
  }

  torch::jit::Module made(const ModuleTree& tree, const std::string& type) const {
    torch::jit::Module module(c10::QualifiedName("__torch__." + type), unit_, /*shouldMangle=*/true);
    module.register_attribute(kTraining, c10::BoolType::get(), false);
    for (const std::string& name : tree.order) {
      const auto tensor = tree.tensors.find(name);
      if (tensor == tree.tensors.end()) {
        const ModuleTree& inner = *tree.modules.at(name);
        module.register_module(name, made(inner, class_of(inner)));
        continue;
      }
      const Value& value = graph_.value(tensor->second);
      const auto found = tensors_.find(value.name);
      if (found == tensors_.end()) throw Error(ErrorKind::internal, "the network has no tensor " + value.name);
      const bool is_trained = value.source == Value::Source::parameter;
      const at::Tensor held = found->second.detach().to(at::kCPU).contiguous();
      if (is_trained) {
        module.register_parameter(name, held.set_requires_grad(true), /*is_buffer=*/false);
      } else {
        module.register_buffer(name, held);
      }
    }
    return module;
  }

  const OperatorGraph& graph_;
  std::map<std::string, at::Tensor> tensors_;
  ModuleTree root_;
  std::vector<std::string> readings_;  // by ValueIndex
  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
};

}  // namespace

std::string export_torchscript(const OperatorGraph& graph,
                               const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  return ScriptExport(graph, tensors).bytes();
}

at::Tensor run_script_bytes(const std::string& bytes, const at::Tensor& examples) {
  const at::NoGradGuard no_grad;
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  try {
    std::istringstream in(bytes);
    torch::jit::Module module = torch::jit::load(in, at::kCPU);
    const at::ScalarType precision = examples.scalar_type() == at::kFloat ? at::kFloat : at::kDouble;
    for (at::Tensor tensor : module.parameters()) tensor.set_data(tensor.to(precision));
    for (at::Tensor tensor : module.buffers())
      if (tensor.is_floating_point()) tensor.set_data(tensor.to(precision));
    return module.forward({examples}).toTensor();
  } catch (const std::exception& failure) {
    throw Error(ErrorKind::internal,
                "the TorchScript that was written cannot be run: " + torch_message(failure.what()));
  }
}

}  // namespace espalier
