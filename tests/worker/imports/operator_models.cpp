#include "tests/worker/imports/operator_models.h"

#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using Integers = std::vector<std::int64_t>;
using Making = std::function<ValueIndex(GraphBuilder&, ValueIndex)>;

/// A convolution, what `build` makes of its [N, 4, 8, 8], and a linear layer.
ModelDescription image_model(const std::string& name, const Making& build) {
  return built_model(name, {4, 8, 8}, 2, [&](GraphBuilder& graph, ValueIndex x) {
    x = build(graph, graph.conv2d("conv", x, {4, 3, 1, 1}));
    return graph.linear("fc", graph.flatten(x), 2);
  });
}

/// The same of one or three dimensions behind the channels, 8 or 4 x 4 x 4 places.
ModelDescription sided_model(const std::string& name, std::int64_t sides, const Making& build) {
  return built_model(name, {4, 8, 8}, 2, [&](GraphBuilder& graph, ValueIndex x) {
    const Integers sizes = sides == 1 ? Integers{1, 4, 64} : Integers{1, 4, 4, 4, 4};
    x = build(graph, graph.add("Reshape", "sides", {x}, {{"sizes", sizes}, {"batch", std::int64_t{0}}}));
    return graph.linear("fc", graph.flatten(x), 2);
  });
}

void add_functions(std::vector<ModelDescription>& models) {
  const auto with = [&](const std::string& op, const Attributes& attributes = {}) {
    models.push_back(image_model(op, [&](GraphBuilder& graph, ValueIndex x) {
      if (op == "Log" || op == "Sqrt" || op == "Pow" || op == "Reciprocal")
        x = graph.add("AddNumber", "", {graph.add("Abs", "", {x})}, {{"number", 0.5}});
      return graph.add(op, "f", {x}, attributes);
    }));
  };
  for (const char* op : {"Relu", "Gelu", "GeluTanh", "Sigmoid", "Silu", "HardSigmoid", "HardSwish", "Mish", "Softplus",
                         "Tanh", "Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Neg", "Erf", "Sin", "Cos"})
    with(op);
  with("LeakyRelu", {{"alpha", 0.1}});
  with("Elu", {{"alpha", 0.7}});
  with("Clip", {{"min", 0.0}, {"max", 6.0}});
  with("Clip", {{"min", -std::numeric_limits<double>::infinity()}, {"max", 0.5}});
  with("Pow", {{"exponent", 2.0}});
  with("MulNumber", {{"number", 3.0}});
  with("Dropout", {{"probability", 0.5}});
  with("ChannelDropout", {{"probability", 0.5}});
  with("Softmax", {{"dim", std::int64_t{1}}});
  with("LogSoftmax", {{"dim", std::int64_t{3}}});
  for (const char* op : {"Add", "Sub", "Mul", "Div", "Max", "Min"}) {
    models.push_back(image_model(op, [&](GraphBuilder& graph, ValueIndex x) {
      const ValueIndex all =
          graph.add("ReduceMean", "mean", {x}, {{"dims", Integers{2, 3}}, {"keep_dims", std::int64_t{1}}});
      return graph.add(op, "both", {x, graph.add("AddNumber", "", {graph.add("Exp", "", {all})}, {{"number", 0.5}})});
    }));
  }
}

void add_norms(std::vector<ModelDescription>& models) {
  const auto with = [&](const std::string& op, const Attributes& attributes) {
    for (const bool scaled : {true, false}) {
      models.push_back(image_model(op, [&](GraphBuilder& graph, ValueIndex x) {
        std::vector<ValueIndex> inputs{x};
        if (scaled) {
          inputs.push_back(graph.parameter("norm.weight", {4}, ParameterRole::scale));
          inputs.push_back(graph.parameter("norm.bias", {4}, ParameterRole::bias));
        }
        return graph.add(op, "norm", inputs, attributes);
      }));
    }
  };
  with("GroupNorm", {{"groups", std::int64_t{2}}, {"epsilon", 1e-5}});
  with("InstanceNorm", {{"epsilon", 1e-3}});
  models.push_back(
      image_model("BatchNorm", [](GraphBuilder& graph, ValueIndex x) { return graph.batch_norm("bn", x); }));
  models.push_back(image_model("BatchNorm", [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex mean = graph.buffer("bn.running_mean", {4}, 0.2),
                     variance = graph.buffer("bn.running_var", {4}, 2);
    return graph.add("BatchNorm", "bn", {x, kNoValue, kNoValue, mean, variance},
                     {{"epsilon", 1e-3}, {"momentum", 0.1}});
  }));
  models.push_back(image_model("LayerNorm", [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex scale = graph.parameter("ln.weight", {8, 8}, ParameterRole::scale);
    return graph.add("LayerNorm", "ln", {x, scale}, {{"dims", std::int64_t{2}}, {"epsilon", 1e-4}});
  }));
  for (const bool scaled : {true, false}) {
    models.push_back(image_model("RmsNorm", [&](GraphBuilder& graph, ValueIndex x) {
      std::vector<ValueIndex> inputs{x};
      if (scaled) inputs.push_back(graph.parameter("norm.weight", {8}, ParameterRole::scale));
      return graph.add("RmsNorm", "norm", inputs, {{"epsilon", 1e-3}});
    }));
  }
}

void add_windows(std::vector<ModelDescription>& models) {
  const auto window = [](std::int64_t sides, std::int64_t size) {
    return Integers(static_cast<std::size_t>(sides), size);
  };
  for (const std::int64_t sides : {1, 2, 3}) {
    const auto with = [&](const std::string& name, const Making& build) {
      models.push_back(sides == 2 ? image_model(name, build) : sided_model(name, sides, build));
    };
    with("Conv", [&](GraphBuilder& graph, ValueIndex x) {
      Integers shape = window(sides + 2, 3);
      shape[0] = 6;
      shape[1] = 2;
      return graph.add("Conv", "c",
                       {x, graph.parameter("c.weight", shape, ParameterRole::weight),
                        graph.parameter("c.bias", {6}, ParameterRole::bias)},
                       {{"strides", window(sides, 2)},
                        {"padding", window(sides, 2)},
                        {"dilations", window(sides, 2)},
                        {"groups", std::int64_t{2}}});
    });
    with("ConvTranspose", [&](GraphBuilder& graph, ValueIndex x) {
      Integers shape = window(sides + 2, 3);
      shape[0] = 4;
      shape[1] = 3;
      return graph.add("ConvTranspose", "c", {x, graph.parameter("c.weight", shape, ParameterRole::weight)},
                       {{"strides", window(sides, 2)},
                        {"padding", window(sides, 1)},
                        {"dilations", window(sides, 1)},
                        {"output_padding", window(sides, 1)},
                        {"groups", std::int64_t{2}}});
    });
    Attributes pool{{"kernel", window(sides, 3)}, {"strides", window(sides, 2)}, {"padding", window(sides, 1)}};
    for (const std::int64_t yes : {0, 1}) {
      pool["round_up"] = yes;
      pool["count_padding"] = yes;
      with("AveragePool",
           [&](GraphBuilder& graph, ValueIndex x) { return graph.add("AveragePool", "pool", {x}, pool); });
      Attributes largest = pool;
      largest.erase("count_padding");
      largest["dilations"] = window(sides, 1);
      with("MaxPool", [&](GraphBuilder& graph, ValueIndex x) { return graph.add("MaxPool", "pool", {x}, largest); });
    }
    with("AdaptiveAveragePool", [&](GraphBuilder& graph, ValueIndex x) {
      return graph.add("AdaptiveAveragePool", "pool", {x}, {{"sizes", window(sides, 2)}});
    });
    for (const auto& [mode, corners] : {std::pair("nearest", 0), std::pair("linear", 0), std::pair("linear", 1)}) {
      Integers sizes = window(sides, 8);
      sizes[0] = sides == 1 ? 96 : 16;
      with(mode, [&](GraphBuilder& graph, ValueIndex x) {
        return graph.add("Resize", "resize", {x},
                         {{"sizes", sizes}, {"mode", std::string(mode)}, {"align_corners", std::int64_t{corners}}});
      });
    }
  }
}

void add_shapes(std::vector<ModelDescription>& models) {
  models.push_back(image_model("Pad", [](GraphBuilder& graph, ValueIndex x) {
    return graph.add("Pad", "pad", {x},
                     {{"before", Integers{0, 0, 1, 0}}, {"after", Integers{0, 0, 0, 2}}, {"value", 0.5}});
  }));
  models.push_back(image_model("Slice", [](GraphBuilder& graph, ValueIndex x) {
    const ValueIndex part = graph.add(
        "Slice", "slice", {x},
        {{"dim", std::int64_t{1}}, {"start", std::int64_t{1}}, {"end", std::int64_t{4}}, {"step", std::int64_t{2}}});
    const ValueIndex rolled =
        graph.add("Gather", "roll", {x}, {{"dim", std::int64_t{1}}, {"indices", Integers{3, 0, 1, 2}}});
    return graph.add("Concat", "both", {part, rolled}, {{"dim", std::int64_t{1}}});
  }));
  for (const char* op : {"ReduceMean", "ReduceMax", "ReduceL2"}) {
    for (const std::int64_t keeps : {0, 1}) {
      models.push_back(image_model(op, [&](GraphBuilder& graph, ValueIndex x) {
        return graph.add(op, "reduced", {x}, {{"dims", Integers{1, 3}}, {"keep_dims", keeps}});
      }));
    }
  }
  // Windows of an image as examples, and back: the batch's dimension has several indices for each example.
  models.push_back(image_model("Reshape", [](GraphBuilder& graph, ValueIndex x) {
    x = graph.add("Reshape", "cut", {x}, {{"sizes", Integers{1, 4, 2, 4, 8}}, {"batch", std::int64_t{0}}});
    x = graph.add("Transpose", "turned", {x}, {{"permutation", Integers{0, 2, 1, 3, 4}}});
    x = graph.add("Reshape", "windows", {x}, {{"sizes", Integers{2, 4, 32}}, {"batch", std::int64_t{0}}});
    x = graph.add("MatMul", "product", {x, graph.add("Transpose", "other", {x}, {{"permutation", Integers{0, 2, 1}}})});
    return graph.add("Reshape", "back", {x}, {{"sizes", Integers{1, 32}}, {"batch", std::int64_t{0}}});
  }));
  // A token that was learned, for every example.
  models.push_back(image_model("Expand", [](GraphBuilder& graph, ValueIndex x) {
    x = graph.add("Reshape", "rows", {x}, {{"sizes", Integers{1, 16, 16}}, {"batch", std::int64_t{0}}});
    const ValueIndex token = graph.parameter("token", {1, 1, 16}, ParameterRole::embedding);
    const ValueIndex tokens =
        graph.add("Expand", "tokens", {token, x}, {{"sizes", Integers{1, 1, 16}}, {"batch", std::int64_t{0}}});
    x = graph.add("Concat", "joined", {tokens, x}, {{"dim", std::int64_t{1}}});
    const ValueIndex wide =
        graph.add("Reshape", "one", {x}, {{"sizes", Integers{1, 17, 1, 16}}, {"batch", std::int64_t{0}}});
    return graph.add("Expand", "wide", {wide}, {{"sizes", Integers{1, 17, 2, 16}}, {"batch", std::int64_t{0}}});
  }));
}

void add_sequences(std::vector<ModelDescription>& models) {
  for (const bool causal : {true, false}) {
    for (const std::int64_t shared : {4, 2}) {
      models.push_back(built_model("Attention", {1, 6, 16}, 2, [&](GraphBuilder& graph, ValueIndex x) {
        x = graph.linear("embed", graph.rows(x), 16);
        std::vector<ValueIndex> inputs{graph.linear("q", x, 16), graph.linear("k", x, 4 * shared),
                                       graph.linear("v", x, 4 * shared)};
        if (!causal) inputs.push_back(graph.buffer("bias", {4, 6, 6}, 0.5));
        x = graph.add("Attention", "attention", inputs,
                      {{"heads", std::int64_t{4}},
                       {"key_value_heads", shared},
                       {"causal", std::int64_t{causal ? 1 : 0}},
                       {"divisor", 2.0}});
        return graph.linear("head", graph.mean_tokens(x), 2);
      }));
    }
  }
  models.push_back(built_token_model("Embedding", 5, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.position("places", graph.embedding("words", x, 9, 8));
    return graph.linear("head", graph.mean_tokens(graph.attention("attn", x, 2, true)), 3);
  }));
}

}  // namespace

std::vector<ModelDescription> operator_models() {
  std::vector<ModelDescription> models;
  add_functions(models);
  add_norms(models);
  add_windows(models);
  add_shapes(models);
  add_sequences(models);
  return models;
}

}  // namespace espalier
