// What is exported is read again, and computes the same: by our own import (ONNX) and by LibTorch (TorchScript). Other
// programs read such files in exports_elsewhere_test.cpp.
#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/operators/kinds/kinds.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "tests/worker/imports/operator_models.h"
#include "tests/worker/imports/pruned_half.h"
#include "worker/imports/network_export.h"
#include "worker/pruning/shrunk_network.h"
#include "worker/torchscript/exports/export_torchscript.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Network with_random_weights(const ModelDescription& model) {
  Network network(model, kCpu);
  at::manual_seed(3);
  NamedTensors weights = network.weights();
  for (auto& [name, tensor] : weights) {
    const bool is_scale = name.ends_with("running_var") || tensor.dim() == 1;
    tensor = is_scale ? at::rand(tensor.sizes()).add(0.5) : at::randn(tensor.sizes()).mul(0.1);
  }
  network.set_weights(weights);
  return network;
}

StoredNetwork stored(const Network& network) {
  return {network.description().graph, network.weights()};
}

std::vector<std::string> formats() {
  std::vector<std::string> names{"torchscript", "onnx"};
  std::erase_if(names, [](const std::string& name) {
    try {
      export_format(name);
      return false;
    } catch (const Error&) {
      return true;  // built without ONNX
    }
  });
  return names;
}

class Exports : public testing::TestWithParam<std::string> {
 protected:
  const ExportFormat format_ = export_format(GetParam());
};

TEST_P(Exports, EveryOperatorComesBack) {
  std::set<const Operator*> seen;
  for (const ModelDescription& model : operator_models()) {
    SCOPED_TRACE(model.graph->text());
    EXPECT_NO_THROW(proven_export(stored(with_random_weights(model)), format_));
    for (const Node& node : model.graph->nodes()) seen.insert(node.op);
  }
  for (const Operator* op : all_operators()) EXPECT_TRUE(seen.contains(op)) << op->name();
}

TEST_P(Exports, WhatComputesSomethingElseIsNamed) {
  const ModelDescription model = built_model("two", {1, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {4, 3, 1, 1})));
    return graph.linear("fc", graph.global_average_pool(x), 3);
  });
  for (const auto& [tensor, node] : {std::pair("bn.bias", "bn (BatchNorm)"), {"fc.weight", "fc (Linear)"}}) {
    ExportFormat wrong = format_;
    wrong.write = [&, changed = std::string(tensor)](const OperatorGraph& graph, NamedTensors tensors) {
      for (auto& [name, numbers] : tensors)
        if (name == changed) numbers = numbers.add(0.1);
      return format_.write(graph, tensors);
    };
    try {
      proven_export(stored(with_random_weights(model)), wrong);
      FAIL() << tensor;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::internal);
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr(GetParam()), HasSubstr(std::string(": ") + node + " computes something else")));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(To, Exports, testing::ValuesIn(formats()), [](const auto& one) { return one.param; });

class CatalogExports : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(CatalogExports, ComeBackMaskedAndShrunk) {
  const auto& [name, to] = GetParam();
  const ModelEntry& entry = find_model(name);
  std::array<std::int64_t, 3> images = entry.images;
  if (name.starts_with("conv-")) images = {3, 8, 8};  // others take none so small, or are fast
  const ModelDescription model = describe_model({name + std::string(entry.sizes), images, 10});
  const ExportFormat format = export_format(to);
  Network masked = with_random_weights(model);
  mask_half(masked);
  const auto shrunk = ShrunkNetwork::of(masked);
  ASSERT_TRUE(shrunk);
  Network small = shrunk->network();
  small.set_weights(shrunk->gathered(masked.weights()));
  const StoredNetwork whole = stored(masked), part = stored(small);
  const std::string bytes = format.write(*whole.graph, whole.tensors), fewer = format.write(*part.graph, part.tensors);
  EXPECT_LT(fewer.size(), bytes.size());
  // As they are used, in single precision.
  const at::NoGradGuard no_grad;
  at::manual_seed(4);
  const at::Tensor x = at::randn({2, images[0], images[1], images[2]}), y = masked.forward(x);
  for (const std::string& file : {bytes, fewer})
    EXPECT_LE(format.run(file, x).sub(y).abs().max().item<double>(), 1e-5 * y.abs().max().item<double>());
}

INSTANTIATE_TEST_SUITE_P(Models, CatalogExports,
                         testing::Combine(testing::ValuesIn(catalog_names(list_models())),
                                          testing::ValuesIn(formats())),
                         [](const auto& one) {
                           std::string name = std::get<0>(one.param) + "_" + std::get<1>(one.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

torch::jit::Module loaded(const std::string& bytes) {
  std::istringstream in(bytes);
  return torch::jit::load(in);
}

TEST(TorchScriptExports, KeepTheNamesOfTensors) {
  const ModelDescription model = describe_model({"resnet-20", {3, 8, 8}, 10});
  const torch::jit::Module module = loaded(export_torchscript(*model.graph, with_random_weights(model).weights()));
  std::set<std::string> parameters, buffers, expected_parameters, expected_buffers;
  for (const auto& one : module.named_parameters()) {
    parameters.insert(one.name);
    EXPECT_TRUE(one.value.requires_grad()) << one.name;
  }
  for (const auto& one : module.named_buffers()) buffers.insert(one.name);
  for (const Value& value : model.graph->values()) {
    if (value.source == Value::Source::parameter) expected_parameters.insert(value.name);
    if (value.source == Value::Source::buffer) expected_buffers.insert(value.name);
  }
  EXPECT_EQ(parameters, expected_parameters);
  EXPECT_EQ(buffers, expected_buffers);
}

TEST(TorchScriptExports, HaveNamesThatPythonWouldNot) {
  const ModelDescription model = built_model("odd", {1, 1, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.flatten(x);
    for (const char* name : {"0.weight", "class.in", "x/y:0", "a", "a.b", "training", "forward.0", "..", "a \"q\" \\"})
      x = graph.add("Add", "", {x, graph.parameter(name, {4}, ParameterRole::other)});
    return graph.linear("head", x, 2);
  });
  const Network network = with_random_weights(model);
  const torch::jit::Module module = loaded(proven_export(stored(network), export_format("torchscript")));
  std::set<std::string> names;
  for (const auto& one : module.named_parameters()) names.insert(one.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("0.weight", "class_.in_", "x/y:0", "a", "a_.b", "training_",
                                                   "forward_.0", "_._._", "a _q_ _", "head.weight", "head.bias"));
}

TEST(OnnxExports, NameWhatOnnxHasNoOperatorFor) {
  if (formats().size() < 2) GTEST_SKIP() << "built without ONNX";
  const ModelDescription model = built_model("uneven", {2, 5, 5}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.add("AdaptiveAveragePool", "pool", {x}, {{"sizes", std::vector<std::int64_t>{2, 2}}});
    return graph.linear("fc", graph.flatten(x), 2);
  });
  try {
    proven_export(stored(with_random_weights(model)), export_format("onnx"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), HasSubstr("onnx: pool (AdaptiveAveragePool) averages parts of unequal sizes"));
  }
}

}  // namespace
}  // namespace espalier
