// What is exported is imported again, and computes the same. ONNX Runtime reads such files in e2e tests.
#include "worker/onnx/exports/export_onnx.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/operators/operator.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "tests/worker/onnx/imported_network.h"

namespace espalier {
namespace {

Network with_random_weights(const ModelDescription& model) {
  Network network(model, kCpu);
  at::manual_seed(3);
  NamedTensors weights = network.weights();
  for (auto& [name, tensor] : weights) {
    if (!tensor.is_floating_point()) continue;
    const bool is_scale = name.ends_with("running_var") || tensor.dim() == 1;
    tensor = is_scale ? at::rand(tensor.sizes()).add(0.5) : at::randn(tensor.sizes()).mul(0.1);
  }
  network.set_weights(weights);
  return network;
}

at::Tensor random_input(const ModelDescription& model) {
  const Value& input = model.graph->value(model.graph->input());
  std::vector<std::int64_t> sizes = sizes_of(input.dims);
  sizes[0] = 3;
  at::manual_seed(4);
  return input.type == ValueType::index ? at::randint(7, sizes, at::kLong) : at::randn(sizes);
}

void expect_equal_after_export(const ModelDescription& model) {
  SCOPED_TRACE(model.name);
  const at::NoGradGuard no_grad;
  const Network network = with_random_weights(model);
  const std::string file = export_onnx(*model.graph, network.weights());
  const OnnxImport import = import_onnx_bytes(file, "exported.onnx", "");
  const at::Tensor x = random_input(model), expected = network.forward(x);
  const at::Tensor given = network_of(import).forward(x);
  ASSERT_EQ(given.sizes(), expected.sizes());
  EXPECT_LE(given.sub(expected).abs().max().item<double>(), 1e-5 * expected.abs().max().item<double>());
}

TEST(ExportOnnx, EveryModelOfTheCatalogComesBack) {
  for (const ModelEntry& entry : list_models())
    expect_equal_after_export(describe_model({std::string(entry.name) + std::string(entry.sizes), entry.images, 10}));
}

TEST(ExportOnnx, FunctionsOfElementsComeBack) {
  const auto with = [](const std::string& op, const Attributes& attributes = {}) {
    expect_equal_after_export(built_model(op, {3, 4, 4}, 2, [&](GraphBuilder& graph, ValueIndex x) {
      if (op == "Log" || op == "Sqrt" || op == "Pow" || op == "Reciprocal")
        x = graph.add("AddNumber", "", {graph.add("Abs", "", {x})}, {{"number", 0.5}});
      x = graph.add(op, "f", {graph.conv2d("conv", x, {4, 1})}, attributes);
      return graph.linear("fc", graph.global_average_pool(x), 2);
    }));
  };
  for (const char* op : {"Relu", "Gelu", "GeluTanh", "Sigmoid", "Silu", "HardSigmoid", "HardSwish", "Mish", "Softplus",
                         "Tanh", "Exp", "Abs", "Neg", "Erf", "Sin", "Cos"})
    with(op);
  with("LeakyRelu", {{"alpha", 0.1}});
  with("Elu", {{"alpha", 0.7}});
  with("Clip", {{"min", 0.0}, {"max", 6.0}});
  with("MulNumber", {{"number", 3.0}});
  with("Dropout", {{"probability", 0.5}});
}

TEST(ExportOnnx, NormsWindowsAndShapesComeBack) {
  const auto image = [](const std::string& name, const std::function<ValueIndex(GraphBuilder&, ValueIndex)>& build) {
    expect_equal_after_export(built_model(name, {4, 8, 8}, 2, [&](GraphBuilder& graph, ValueIndex x) {
      x = build(graph, graph.conv2d("conv", x, {4, 3, 1, 1}));
      return graph.linear("fc", graph.flatten(x), 2);
    }));
  };
  const auto channels = [](GraphBuilder& graph, const std::string& name, ParameterRole role) {
    return graph.parameter(name, {4}, role);
  };
  image("group", [&](GraphBuilder& graph, ValueIndex x) {
    return graph.add(
        "GroupNorm", "gn",
        {x, channels(graph, "gn.weight", ParameterRole::scale), channels(graph, "gn.bias", ParameterRole::bias)},
        {{"groups", std::int64_t{2}}, {"epsilon", 1e-5}});
  });
  image("instance", [&](GraphBuilder& graph, ValueIndex x) {
    return graph.add(
        "InstanceNorm", "in",
        {x, channels(graph, "in.weight", ParameterRole::scale), channels(graph, "in.bias", ParameterRole::bias)},
        {{"epsilon", 1e-5}});
  });
  image("adaptive", [](GraphBuilder& graph, ValueIndex x) {
    return graph.add("AdaptiveAveragePool", "pool", {x}, {{"sizes", std::vector<std::int64_t>{4, 2}}});
  });
  image("pad", [](GraphBuilder& graph, ValueIndex x) {
    return graph.add("Pad", "pad", {x},
                     {{"before", std::vector<std::int64_t>{0, 0, 1, 0}},
                      {"after", std::vector<std::int64_t>{0, 0, 0, 2}},
                      {"value", 0.5}});
  });
  for (const char* mode : {"nearest", "linear"}) {
    image(mode, [&](GraphBuilder& graph, ValueIndex x) {
      return graph.add("Resize", "resize", {x},
                       {{"sizes", std::vector<std::int64_t>{16, 16}},
                        {"mode", std::string(mode)},
                        {"align_corners", std::int64_t{0}}});
    });
  }
  image("slices", [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex part = graph.add(
        "Slice", "slice", {x},
        {{"dim", std::int64_t{1}}, {"start", std::int64_t{1}}, {"end", std::int64_t{4}}, {"step", std::int64_t{2}}});
    const ValueIndex rolled = graph.add("Gather", "roll", {x},
                                        {{"dim", std::int64_t{1}}, {"indices", std::vector<std::int64_t>{3, 0, 1, 2}}});
    return graph.add("Concat", "both", {part, rolled}, {{"dim", std::int64_t{1}}});
  });
}

TEST(ExportOnnx, HeadsThatShareKeysComeBack) {
  expect_equal_after_export(built_model("shared", {1, 6, 16}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.linear("embed", graph.rows(x), 16);
    const ValueIndex q = graph.linear("q", x, 16), k = graph.linear("k", x, 8), v = graph.linear("v", x, 8);
    x = graph.add("Attention", "attention", {q, k, v},
                  {{"heads", std::int64_t{4}},
                   {"key_value_heads", std::int64_t{2}},
                   {"causal", std::int64_t{1}},
                   {"divisor", 2.0}});
    return graph.linear("head", graph.mean_tokens(x), 2);
  }));
}

TEST(ExportOnnx, WhatOnnxHasNoOperatorForIsNamed) {
  const ModelDescription model = built_model("uneven", {2, 5, 5}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.add("AdaptiveAveragePool", "pool", {x}, {{"sizes", std::vector<std::int64_t>{2, 2}}});
    return graph.linear("fc", graph.flatten(x), 2);
  });
  try {
    export_onnx(*model.graph, with_random_weights(model).weights());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), testing::HasSubstr("onnx: pool (AdaptiveAveragePool) averages parts of unequal sizes"));
  }
}

}  // namespace
}  // namespace espalier
