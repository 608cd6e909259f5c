// Criteria that look at what a layer is given, on layers of every shape: against autograd, which knows nothing of how
// inputs are unfolded.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/random.h"
#include "experiments/catalog/catalog.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/criteria/criterion.h"
#include "worker/criteria/example_gradients.h"
#include "worker/criteria/layer_inputs.h"
#include "worker/criteria/loss_derivatives.h"
#include "worker/operators/computations.h"

namespace espalier {
namespace {

using Sizes = std::vector<std::int64_t>;

/// A convolution of any rank, named "conv".
ValueIndex convolution(GraphBuilder& graph, ValueIndex x, const Sizes& weight, std::int64_t groups,
                       const char* op = "Conv") {
  const std::size_t rank = weight.size() - 2;
  Attributes attributes{
      {"strides", Sizes(rank, 2)}, {"padding", Sizes(rank, 1)}, {"dilations", Sizes(rank, 1)}, {"groups", groups}};
  if (rank == 1) attributes["dilations"] = Sizes{2};
  if (op == std::string("ConvTranspose")) attributes["output_padding"] = Sizes(rank, 0);
  return graph.add(op, "conv", {x, graph.parameter("conv.weight", weight, ParameterRole::weight), kNoValue},
                   attributes);
}

ValueIndex classified(GraphBuilder& graph, ValueIndex x) {
  x = graph.relu("relu", x);
  return graph.linear("fc", graph.flatten(x), 3);
}

ModelDescription shape_model(const std::string& name) {
  return built_model(name, {4, 4, 4}, 3, [&](GraphBuilder& graph, ValueIndex x) {
    const auto shaped = [&](const Sizes& sizes, std::int64_t batch = 0) {
      return graph.add("Reshape", "", {x}, {{"sizes", sizes}, {"batch", batch}});
    };
    if (name == "grouped") return classified(graph, convolution(graph, x, {6, 2, 3, 3}, 2));
    if (name == "depthwise") return classified(graph, convolution(graph, x, {8, 1, 3, 3}, 4));
    if (name == "conv1d") {
      x = shaped({1, 4, 16});
      return classified(graph, convolution(graph, x, {6, 2, 3}, 2));
    }
    if (name == "conv3d") {
      x = shaped({1, 1, 4, 4, 4});
      return classified(graph, convolution(graph, x, {3, 1, 3, 2, 3}, 1));
    }
    if (name == "windows") {  // four for each example
      x = shaped({4, 4, 4});
      x = graph.relu("relu", graph.linear("conv", x, 5, false));
      return graph.linear("fc", shaped({1, 80}), 3);
    }
    if (name == "tokens_first") {
      x = shaped({1, 4, 16});
      x = graph.add("Transpose", "", {x}, {{"permutation", Sizes{1, 0, 2}}});
      x = graph.relu("relu", graph.linear("conv", x, 5, false));
      x = graph.add("Transpose", "", {x}, {{"permutation", Sizes{1, 0, 2}}});
      return graph.linear("fc", shaped({1, 20}), 3);
    }
    if (name == "channels_last") {
      x = graph.add("Transpose", "", {x}, {{"permutation", Sizes{0, 2, 3, 1}}});
      return classified(graph, graph.linear("conv", x, 5, false));
    }
    if (name == "transposed") return classified(graph, convolution(graph, x, {4, 3, 2, 2}, 2, "ConvTranspose"));
    // "shared": one weight, twice
    x = shaped({1, 64});
    const ValueIndex weight = graph.parameter("conv.weight", {64, 64}, ParameterRole::weight);
    x = graph.relu("relu", graph.add("Linear", "conv", {x, weight, kNoValue}));
    x = graph.relu("relu_2", graph.add("Linear", "again", {x, weight, kNoValue}));
    return graph.linear("fc", x, 3);
  });
}

class LayerShapes : public testing::TestWithParam<const char*> {
 protected:
  static Network drawn(const ModelDescription& model) {
    Network network(model, kCpu);
    NamedTensors weights = network.weights();
    for (auto& [name, tensor] : weights)
      tensor = at::arange(tensor.numel(), at::kFloat).mul(12.9898).sin().mul(0.5).view(tensor.sizes());
    network.set_weights(weights);
    return network;
  }
  static Batch batch(std::int64_t index) {
    const at::Tensor images = at::arange(5 * 64, at::kFloat).add(static_cast<double>(index)).mul(3.7).sin();
    return {images.view({5, 4, 4, 4}), at::arange(5, at::kLong).remainder(3)};
  }
  CriterionContext context(std::string_view criterion) {
    return {network_,
            true,
            7,
            2,
            [](std::int64_t index) { return batch(index); },
            default_options(find_criterion(criterion))};
  }

  Network network_ = drawn(shape_model(GetParam()));
};

TEST_P(LayerShapes, TheFisherDiagonalIsThatOfExamplesOneByOne) {
  const std::vector<at::Tensor> given = fisher_diagonal(context("obd_fisher"));
  std::vector<at::Tensor> expected;
  for (const PrunableWeight& layer : network_.prunable()) expected.push_back(at::zeros_like(layer.weight));
  for (std::int64_t index = 0; index < 2; ++index) {
    for (std::int64_t i = 0; i < 5; ++i) {
      const at::Tensor losses = network_.task().example_losses(network_.forward(batch(index).inputs.narrow(0, i, 1)),
                                                               batch(index).labels.narrow(0, i, 1));
      const std::vector<at::Tensor> gradients = weight_derivatives(network_, losses.sum());
      for (std::size_t layer = 0; layer < expected.size(); ++layer)
        expected[layer].add_(gradients[layer].square().div(10));
    }
  }
  ASSERT_EQ(given.size(), expected.size());
  for (std::size_t layer = 0; layer < expected.size(); ++layer) {
    EXPECT_GT(expected[layer].abs().max().item<double>(), 0);
    EXPECT_TRUE(at::allclose(given[layer], expected[layer], 1e-4, 1e-6 * expected[layer].max().item<double>()));
  }
}

/// The gradient of a layer's output for squared inputs, at any weight, is the sum of squares of what meets the weight.
class SquaredInputs : public ForwardObserver {
 public:
  SquaredInputs(const ModelDescription& model, const PrunableWeight& weight)
      : node_(layer_node(*model.graph, weight.layer)),
        graph_(*model.graph),
        leaf_(at::ones_like(weight.weight).set_requires_grad(true)),
        sums(at::zeros_like(weight.weight)),
        layer_(weight.layer) {}

  void on_layer_input(const std::string& layer, const at::Tensor& input) override {
    if (layer != layer_) return;
    const at::AutoGradMode with_grad(true);
    const std::vector<at::Tensor> inputs{input.detach().square(), leaf_};
    const Pass pass;
    const at::Tensor output = computation_of(*node_.op)({graph_, node_, inputs, pass});
    sums.add_(torch::autograd::grad({output.sum()}, {leaf_})[0]);
  }

 private:
  const Node& node_;
  const OperatorGraph& graph_;
  const at::Tensor leaf_;

 public:
  at::Tensor sums;

 private:
  const std::string layer_;
};

TEST_P(LayerShapes, WandaTakesTheNormOfWhatMeetsAWeight) {
  if (GetParam() == std::string("transposed")) return;  // prune_scopes refuses it
  const Scores scores = find_score("wanda")(context("wanda"));
  const PrunableWeight& weight = network_.prunable()[0];
  SquaredInputs observer(network_.description(), weight);
  const at::NoGradGuard no_grad;
  for (std::int64_t index = 0; index < 2; ++index) network_.forward(batch(index).inputs, {Mode::evaluate, &observer});
  const at::Tensor expected = weight.weight.abs().mul(observer.sums.sqrt());
  EXPECT_TRUE(at::allclose(scores[0], expected, 1e-4, 1e-5));
}

TEST_P(LayerShapes, ActivationsAreThoseOfTheLayersOutputs) {
  const Scores scores = find_score("mean_activation")(context("mean_activation"));
  // No ReLU follows the layer alone whose weight is used twice.
  ASSERT_EQ(scores[0].defined(), GetParam() != std::string("shared"));
  if (!scores[0].defined()) return;
  const PrunableLayer layer = prunable_layers(network_.description())[0];
  const at::Tensor rows = rows_of_outputs(scores[0], layer);
  EXPECT_EQ(rows.size(0), layer.outputs());
  EXPECT_TRUE(at::equal(rows.amin(1), rows.amax(1)));
  struct Means : ForwardObserver {
    double sum = 0;
    std::int64_t count = 0;
    void on_relu(const std::string&, const at::Tensor& output) override {
      sum += output.sum().item<double>();
      count += output.numel();
    }
  } means;
  const at::NoGradGuard no_grad;
  for (std::int64_t index = 0; index < 2; ++index) network_.forward(batch(index).inputs, {Mode::evaluate, &means});
  const double total = rows.select(1, 0).mean(at::kDouble).item<double>();
  EXPECT_NEAR(total, means.sum / static_cast<double>(means.count), 1e-5);
}

TEST_P(LayerShapes, TheGeometricMedianIsThatOfOutputs) {
  const Scores scores = find_score("fpgm")(context("fpgm"));
  const PrunableLayer layer = prunable_layers(network_.description())[0];
  const at::Tensor rows = rows_of_outputs(scores[0], layer);
  EXPECT_EQ(rows.size(0), layer.outputs());
  EXPECT_TRUE(at::equal(rows.amin(1), rows.amax(1)));
  const at::Tensor of_layer = rows_of_outputs(network_.prunable()[0].weight, layer);
  const at::Tensor distances = of_layer.unsqueeze(0).sub(of_layer.unsqueeze(1)).norm(2, 2).sum(1);
  EXPECT_TRUE(at::allclose(rows.select(1, 0), distances, 1e-4, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Some, LayerShapes,
                         testing::Values("grouped", "depthwise", "conv1d", "conv3d", "windows", "tokens_first",
                                         "channels_last", "transposed", "shared"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(SparseGpt, EachGroupOfAConvolutionIsALayerOfItsOwn) {
  // Two groups of the same inputs and weights are pruned alike, as each would be alone.
  const ModelDescription model = built_model("net", {4, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.flatten(graph.conv2d("conv", x, {6, 3, 1, 1, true, 2})), 3);
  });
  const ModelDescription half = built_model("half", {2, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.flatten(graph.conv2d("conv", x, {3, 3, 1, 1})), 3);
  });
  const at::Tensor weight = at::arange(54, at::kFloat).mul(12.9898).sin().view({3, 2, 3, 3});
  const at::Tensor images = at::arange(160, at::kFloat).mul(3.7).sin().view({5, 2, 4, 4});
  const auto pruned = [&](const ModelDescription& of, const at::Tensor& start, const at::Tensor& given,
                          std::int64_t kept) {
    Network network(of, kCpu);
    NamedTensors weights = network.weights();
    for (auto& [name, tensor] : weights)
      if (name == "conv.weight") tensor.copy_(start);
    network.set_weights(weights);
    const CriterionContext context{network,
                                   true,
                                   7,
                                   1,
                                   [&](std::int64_t) {
                                     return Batch{given, at::zeros({5}, at::kLong)};
                                   },
                                   default_options(find_criterion("sparsegpt"))};
    find_repair("sparsegpt")(context, {{0}, {kept, {kept}}, parse_granularity("weight")});
    return network.prunable()[0].weight.clone();
  };
  const at::Tensor alone = pruned(half, weight, images, 20);
  const at::Tensor both = pruned(model, at::cat({weight, weight}), at::cat({images, images}, 1), 40);
  EXPECT_EQ(alone.count_nonzero().item<std::int64_t>(), 20);
  EXPECT_TRUE(at::allclose(both, at::cat({alone, alone}), 0, 1e-6));
}

}  // namespace
}  // namespace espalier
