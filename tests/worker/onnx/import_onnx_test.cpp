// Each operator as ONNX has it, beside what LibTorch's own makes of the same numbers.

#include "worker/onnx/import_onnx.h"

#include <functional>
#include <onnx/onnx_pb.h>
#include <ostream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/worker/onnx/imported_network.h"
#include "tests/worker/onnx/onnx_model.h"

namespace espalier {
namespace {

using Integers = OnnxModel::Integers;

/// Random numbers, always the same.
at::Tensor some(at::IntArrayRef sizes) {
  at::manual_seed(7);
  return at::randn(sizes);
}

OnnxImport import_of(const OnnxModel& model) {
  return import_onnx_bytes(model.bytes(), "test.onnx", {});
}

struct OperatorCase {
  std::string name;
  std::function<OnnxModel()> model;
  std::function<at::Tensor(const at::Tensor& x)> expected;
  at::Tensor x;
};

void PrintTo(const OperatorCase& one, std::ostream* out) {
  *out << one.name;
}

class OnnxOperators : public testing::TestWithParam<OperatorCase> {};

TEST_P(OnnxOperators, compute_what_libtorch_computes) {
  const OnnxImport import = import_of(GetParam().model());
  const at::NoGradGuard no_grad;
  // Other numbers of examples than the file's, too.
  for (const std::int64_t examples : {1, 3}) {
    const at::Tensor x = GetParam().x.narrow(0, 0, examples);
    const at::Tensor expected = GetParam().expected(x), computed = network_of(import).forward(x);
    ASSERT_EQ(computed.sizes(), expected.sizes()) << import.graph->text();
    EXPECT_LE((computed - expected).abs().max().item<double>(), 1e-5 * (1 + expected.abs().max().item<double>()))
        << import.graph->text();
  }
}

OperatorCase function_case(const std::string& op, const OnnxModel::Settings& settings,
                           std::function<at::Tensor(const at::Tensor&)> expected, int opset = 13) {
  return {op + std::to_string(opset),
          [=] {
            return std::move(OnnxModel({0, 5}, opset).node(op, {"x"}, "y", settings));
          },
          std::move(expected), some({3, 5}).abs().add(0.1)};
}

OperatorCase pair_case(const std::string& op,
                       std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> expected) {
  const at::Tensor other = some({4}).abs().add(0.5);
  return {op + "_of_two",
          [=] {
            return std::move(OnnxModel({0, 4}).tensor("v.weight", other).node(op, {"x", "v.weight"}, "y"));
          },
          [=](const at::Tensor& x) { return expected(x, other); }, some({3, 4})};
}

OperatorCase number_case(const std::string& name, const std::string& op, bool first,
                         std::function<at::Tensor(const at::Tensor&)> expected) {
  return {name,
          [=] {
            const std::vector<std::string> inputs =
                first ? std::vector<std::string>{"2", "x"} : std::vector<std::string>{"x", "2"};
            return std::move(OnnxModel({0, 4}).number("2", 1.5).node(op, inputs, "y"));
          },
          std::move(expected), some({3, 4}).abs().add(0.1)};
}

std::vector<OperatorCase> function_cases() {
  return {
      function_case("Relu", {}, [](const at::Tensor& x) { return x.relu(); }),
      function_case("LeakyRelu", {{"alpha", 0.2}}, [](const at::Tensor& x) { return at::leaky_relu(x, 0.2); }),
      function_case("Elu", {{"alpha", 0.7}}, [](const at::Tensor& x) { return at::elu(x, 0.7); }),
      function_case("Selu", {}, [](const at::Tensor& x) { return at::selu(x); }),
      function_case("Sigmoid", {}, [](const at::Tensor& x) { return x.sigmoid(); }),
      function_case("HardSigmoid", {}, [](const at::Tensor& x) { return x.mul(0.2).add(0.5).clamp(0, 1); }),
      function_case(
          "HardSwish", {}, [](const at::Tensor& x) { return at::hardswish(x); }, 14),
      function_case("Tanh", {}, [](const at::Tensor& x) { return x.tanh(); }),
      function_case("Erf", {}, [](const at::Tensor& x) { return x.erf(); }),
      function_case("Exp", {}, [](const at::Tensor& x) { return x.exp(); }),
      function_case("Log", {}, [](const at::Tensor& x) { return x.log(); }),
      function_case("Sqrt", {}, [](const at::Tensor& x) { return x.sqrt(); }),
      function_case("Reciprocal", {}, [](const at::Tensor& x) { return x.reciprocal(); }),
      function_case("Softplus", {}, [](const at::Tensor& x) { return at::softplus(x); }),
      function_case("Softsign", {}, [](const at::Tensor& x) { return x.div(x.abs().add(1)); }),
      function_case(
          "Mish", {}, [](const at::Tensor& x) { return at::mish(x); }, 18),
      function_case(
          "Gelu", {}, [](const at::Tensor& x) { return at::gelu(x); }, 20),
      function_case(
          "Gelu", {{"approximate", "tanh"}}, [](const at::Tensor& x) { return at::gelu(x, "tanh"); }, 21),
      function_case(
          "Clip", {{"min", 0.2}, {"max", 0.9}}, [](const at::Tensor& x) { return x.clamp(0.2, 0.9); }, 9),
      function_case(
          "Clip", {}, [](const at::Tensor& x) { return x; }, 10),
      function_case(
          "Dropout", {{"ratio", 0.3}}, [](const at::Tensor& x) { return x; }, 10),
      function_case("Softmax", {}, [](const at::Tensor& x) { return x.softmax(-1); }),
      function_case("LogSoftmax", {}, [](const at::Tensor& x) { return x.log_softmax(-1); }),
      function_case("Identity", {}, [](const at::Tensor& x) { return x; }),
      function_case("Flatten", {}, [](const at::Tensor& x) { return x; }),
      pair_case("Add", [](const at::Tensor& x, const at::Tensor& y) { return x + y; }),
      pair_case("Sub", [](const at::Tensor& x, const at::Tensor& y) { return x - y; }),
      pair_case("Mul", [](const at::Tensor& x, const at::Tensor& y) { return x * y; }),
      pair_case("Div", [](const at::Tensor& x, const at::Tensor& y) { return x / y; }),
      pair_case("Max", [](const at::Tensor& x, const at::Tensor& y) { return at::maximum(x, y); }),
      pair_case("Min", [](const at::Tensor& x, const at::Tensor& y) { return at::minimum(x, y); }),
      pair_case("Sum", [](const at::Tensor& x, const at::Tensor& y) { return x + y; }),
      pair_case("Mean", [](const at::Tensor& x, const at::Tensor& y) { return (x + y) / 2; }),
      pair_case("PRelu", [](const at::Tensor& x, const at::Tensor& y) { return at::where(x > 0, x, x * y); }),
      number_case("x_plus_number", "Add", false, [](const at::Tensor& x) { return x + 1.5; }),
      number_case("number_minus_x", "Sub", true, [](const at::Tensor& x) { return 1.5 - x; }),
      number_case("x_minus_number", "Sub", false, [](const at::Tensor& x) { return x - 1.5; }),
      number_case("x_over_number", "Div", false, [](const at::Tensor& x) { return x / 1.5; }),
      number_case("number_over_x", "Div", true, [](const at::Tensor& x) { return 1.5 / x; }),
      number_case("x_to_the_number", "Pow", false, [](const at::Tensor& x) { return x.pow(1.5); }),
      number_case("x_or_number", "Max", false, [](const at::Tensor& x) { return x.clamp_min(1.5); }),
      number_case("Clip_by_inputs", "Clip", false, [](const at::Tensor& x) { return x.clamp_min(1.5); }),
  };
}

INSTANTIATE_TEST_SUITE_P(Functions, OnnxOperators, testing::ValuesIn(function_cases()),
                         [](const auto& one) { return one.param.name; });

std::vector<OperatorCase> layer_cases() {
  const at::Tensor image = some({3, 4, 9, 8}), weight = some({6, 4, 3, 3}), bias = some({6});
  const auto conv = [=](const OnnxModel::Settings& settings) {
    return [=] {
      return std::move(OnnxModel({0, 4, 9, 8})
                           .tensor("c.weight", weight)
                           .tensor("c.bias", bias)
                           .node("Conv", {"x", "c.weight", "c.bias"}, "y", settings));
    };
  };
  const at::Tensor grouped = some({6, 2, 3, 3}), turned = some({4, 5, 3, 3}), matrix = some({5, 4}), shift = some({5});
  const at::Tensor signal = some({3, 4, 11}), of_signal = some({2, 4, 5});
  const at::Tensor volume = some({3, 2, 5, 6, 7}), of_volume = some({3, 2, 2, 3, 3});
  return {
      {"Conv", conv({{"pads", Integers{1, 1, 1, 1}}, {"strides", Integers{2, 1}}}),
       [=](const at::Tensor& x) {
         return at::conv2d(x, weight, bias, Integers{2, 1}, Integers{1, 1});
       },
       image},
      {"Conv_with_gaps", conv({{"dilations", Integers{2, 3}}}),
       [=](const at::Tensor& x) {
         return at::conv2d(x, weight, bias, Integers{1, 1}, Integers{0, 0}, Integers{2, 3});
       },
       image},
      {"Conv_padded_on_one_side", conv({{"pads", Integers{0, 1, 2, 0}}}),
       [=](const at::Tensor& x) {
         return at::conv2d(at::constant_pad_nd(x, {1, 0, 0, 2}), weight, bias);
       },
       image},
      {"Conv_same_upper", conv({{"auto_pad", "SAME_UPPER"}, {"strides", Integers{2, 2}}}),
       [=](const at::Tensor& x) {
         return at::conv2d(at::constant_pad_nd(x, {0, 1, 1, 1}), weight, bias, 2);
       },
       image},
      {"Conv_same_lower", conv({{"auto_pad", "SAME_LOWER"}, {"strides", Integers{2, 2}}}),
       [=](const at::Tensor& x) {
         return at::conv2d(at::constant_pad_nd(x, {1, 0, 1, 1}), weight, bias, 2);
       },
       image},
      {"Conv_in_groups",
       [=] {
         return std::move(OnnxModel({0, 4, 9, 8})
                              .tensor("c.weight", grouped)
                              .node("Conv", {"x", "c.weight"}, "y", {{"group", std::int64_t{2}}}));
       },
       [=](const at::Tensor& x) {
         return at::conv2d(x, grouped, {}, Integers{1, 1}, Integers{0, 0}, Integers{1, 1}, 2);
       },
       image},
      {"Conv_of_signals",
       [=] {
         return std::move(OnnxModel({0, 4, 11}).tensor("w", of_signal).node("Conv", {"x", "w"}, "y"));
       },
       [=](const at::Tensor& x) { return at::conv1d(x, of_signal); }, signal},
      {"Conv_of_volumes",
       [=] {
         return std::move(OnnxModel({0, 2, 5, 6, 7}).tensor("w", of_volume).node("Conv", {"x", "w"}, "y"));
       },
       [=](const at::Tensor& x) { return at::conv3d(x, of_volume); }, volume},
      {"ConvTranspose",
       [=] {
         return std::move(OnnxModel({0, 4, 9, 8})
                              .tensor("w", turned)
                              .node("ConvTranspose", {"x", "w"}, "y",
                                    {{"strides", Integers{2, 2}},
                                     {"pads", Integers{1, 1, 1, 1}},
                                     {"output_padding", Integers{1, 1}}}));
       },
       [=](const at::Tensor& x) { return at::conv_transpose2d(x, turned, {}, 2, 1, 1); }, image},
      {"ConvTranspose_cut_on_one_side",
       [=] {
         return std::move(OnnxModel({0, 4, 9, 8})
                              .tensor("w", turned)
                              .node("ConvTranspose", {"x", "w"}, "y",
                                    {{"strides", Integers{2, 2}}, {"pads", Integers{1, 1, 0, 0}}}));
       },
       [=](const at::Tensor& x) { return at::conv_transpose2d(x, turned, {}, 2).slice(2, 1).slice(3, 1); }, image},
      {"Gemm",
       [=] {
         return std::move(OnnxModel({0, 4})
                              .tensor("fc.weight", matrix)
                              .tensor("fc.bias", shift)
                              .node("Gemm", {"x", "fc.weight", "fc.bias"}, "y", {{"transB", std::int64_t{1}}}));
       },
       [=](const at::Tensor& x) { return at::linear(x, matrix, shift); }, some({3, 4})},
      {"Gemm_with_factors",
       [=] {
         return std::move(OnnxModel({0, 5})
                              .tensor("w", matrix)
                              .tensor("b", some({1, 4}))
                              .node("Gemm", {"x", "w", "b"}, "y", {{"alpha", 0.5}, {"beta", 2.0}}));
       },
       [=](const at::Tensor& x) {
         return x.matmul(matrix).mul(0.5) + some({1, 4}) * 2;
       },
       some({3, 5})},
      {"MatMul_with_a_weight",
       [=] {
         return std::move(OnnxModel({0, 3, 5}).tensor("w", matrix).node("MatMul", {"x", "w"}, "y"));
       },
       [=](const at::Tensor& x) { return x.matmul(matrix); }, some({3, 3, 5})},
      {"MatMul_of_two_values",
       [=] {
         return std::move(OnnxModel({0, 3, 3}).node("Exp", {"x"}, "e").node("MatMul", {"x", "e"}, "y"));
       },
       [=](const at::Tensor& x) { return x.matmul(x.exp()); }, some({3, 3, 3})},
      {"Einsum",
       [=] {
         return std::move(OnnxModel({0, 2, 4, 5})
                              .node("Exp", {"x"}, "e")
                              .node("Einsum", {"x", "e"}, "y", {{"equation", "bhid, bhjd -> bhij"}}));
       },
       [=](const at::Tensor& x) { return x.matmul(x.exp().transpose(2, 3)); }, some({3, 2, 4, 5})},
  };
}

INSTANTIATE_TEST_SUITE_P(Layers, OnnxOperators, testing::ValuesIn(layer_cases()),
                         [](const auto& one) { return one.param.name; });

std::vector<OperatorCase> norm_cases() {
  const at::Tensor scale = some({4}), shift = some({4}).mul(2), mean = some({4}).mul(0.1),
                   variance = scale.abs().add(0.5);
  const at::Tensor image = some({3, 4, 5, 6});
  const auto with = [=](const std::string& op, const Integers& input, const OnnxModel::Settings& settings, int opset) {
    return [=] {
      return std::move(OnnxModel(input, opset)
                           .tensor("n.weight", scale)
                           .tensor("n.bias", shift)
                           .node(op, {"x", "n.weight", "n.bias"}, "y", settings));
    };
  };
  return {
      {"BatchNormalization",
       [=] {
         return std::move(OnnxModel({0, 4, 5, 6})
                              .tensor("n.weight", scale)
                              .tensor("n.bias", shift)
                              .tensor("n.running_mean", mean)
                              .tensor("n.running_var", variance)
                              .node("BatchNormalization",
                                    {"x", "n.weight", "n.bias", "n.running_mean", "n.running_var"}, "y",
                                    {{"epsilon", 0.01}}));
       },
       [=](const at::Tensor& x) { return at::batch_norm(x, scale, shift, mean, variance, false, 0, 0.01, false); },
       image},
      {"LayerNormalization", with("LayerNormalization", {0, 3, 4}, {{"axis", std::int64_t{-1}}}, 17),
       [=](const at::Tensor& x) { return at::layer_norm(x, {4}, scale, shift); }, some({3, 3, 4})},
      {"InstanceNormalization", with("InstanceNormalization", {0, 4, 5, 6}, {}, 13),
       [=](const at::Tensor& x) { return at::instance_norm(x, scale, shift, {}, {}, true, 0, 1e-5, false); }, image},
      {"GroupNormalization", with("GroupNormalization", {0, 4, 5, 6}, {{"num_groups", std::int64_t{2}}}, 21),
       [=](const at::Tensor& x) { return at::group_norm(x, 2, scale, shift); }, image},
      {"GroupNormalization_with_a_number_a_group",
       [=] {
         return std::move(OnnxModel({0, 4, 5, 6}, 18)
                              .tensor("s", some({2}))
                              .tensor("b", some({2}))
                              .node("GroupNormalization", {"x", "s", "b"}, "y", {{"num_groups", std::int64_t{2}}}));
       },
       [=](const at::Tensor& x) {
         const at::Tensor spread = some({2}).repeat_interleave(2);
         return at::group_norm(x, 2, spread, spread);
       },
       image},
  };
}

INSTANTIATE_TEST_SUITE_P(Norms, OnnxOperators, testing::ValuesIn(norm_cases()),
                         [](const auto& one) { return one.param.name; });

OperatorCase image_case(const std::string& name, const std::string& op, const OnnxModel::Settings& settings,
                        std::function<at::Tensor(const at::Tensor&)> expected, int opset = 13) {
  return {name,
          [=] {
            return std::move(OnnxModel({0, 4, 9, 8}, opset).node(op, {"x"}, "y", settings));
          },
          std::move(expected), some({3, 4, 9, 8})};
}

OperatorCase resize_case(const std::string& name, const OnnxModel::Settings& settings, const Integers& sizes,
                         std::function<at::Tensor(const at::Tensor&)> expected) {
  return {name,
          [=] {
            return std::move(OnnxModel({0, 4, 9, 8})
                                 .node("Shape", {"x"}, "shape")
                                 .tensor("zero", Integers{0})
                                 .tensor("two", Integers{2})
                                 .tensor("to", sizes)
                                 .node("Slice", {"shape", "zero", "two"}, "kept")
                                 .node("Concat", {"kept", "to"}, "sizes", {{"axis", std::int64_t{0}}})
                                 .node("Resize", {"x", "", "", "sizes"}, "y", settings));
          },
          std::move(expected), some({3, 4, 9, 8})};
}

std::vector<OperatorCase> window_cases() {
  const Integers three{3, 3}, two{2, 2};
  return {
      image_case("MaxPool", "MaxPool", {{"kernel_shape", three}, {"strides", two}, {"pads", Integers{1, 1, 1, 1}}},
                 [](const at::Tensor& x) { return at::max_pool2d(x, 3, 2, 1); }),
      image_case("MaxPool_padded_on_one_side", "MaxPool",
                 {{"kernel_shape", three}, {"strides", two}, {"pads", Integers{0, 0, 1, 1}}},
                 [](const at::Tensor& x) {
                   return at::max_pool2d(at::constant_pad_nd(x, {0, 1, 0, 1}, -1e30), 3, 2);
                 }),
      image_case("MaxPool_rounding_up", "MaxPool",
                 {{"kernel_shape", two}, {"strides", two}, {"ceil_mode", std::int64_t{1}}},
                 [](const at::Tensor& x) { return at::max_pool2d(x, 2, 2, 0, 1, true); }),
      image_case("AveragePool", "AveragePool",
                 {{"kernel_shape", three}, {"strides", two}, {"pads", Integers{1, 1, 1, 1}}},
                 [](const at::Tensor& x) { return at::avg_pool2d(x, 3, 2, 1, false, false); }),
      image_case("AveragePool_counting_the_padding", "AveragePool",
                 {{"kernel_shape", three}, {"pads", Integers{1, 1, 1, 1}}, {"count_include_pad", std::int64_t{1}}},
                 [](const at::Tensor& x) { return at::avg_pool2d(x, 3, 1, 1); }),
      // The last window of a row holds two pixels, and of the last row one or two.
      image_case("AveragePool_padded_on_one_side", "AveragePool", {{"kernel_shape", two}, {"auto_pad", "SAME_UPPER"}},
                 [](const at::Tensor& x) {
                   const at::Tensor sums = at::avg_pool2d(at::constant_pad_nd(x, {0, 1, 0, 1}), 2, 1);
                   const at::Tensor shares = at::avg_pool2d(at::constant_pad_nd(at::ones_like(x), {0, 1, 0, 1}), 2, 1);
                   return sums / shares;
                 }),
      image_case("GlobalAveragePool", "GlobalAveragePool", {},
                 [](const at::Tensor& x) {
                   return x.mean({2, 3}, true);
                 }),
      image_case("GlobalMaxPool", "GlobalMaxPool", {},
                 [](const at::Tensor& x) {
                   return x.amax({2, 3}, true);
                 }),
      {"Upsample",
       [] {
         return std::move(OnnxModel({0, 4, 9, 8}, 9)
                              .tensor("by", at::tensor(std::vector<float>{1, 1, 2, 3}))
                              .node("Upsample", {"x", "by"}, "y"));
       },
       [](const at::Tensor& x) {
         return at::upsample_nearest2d(x, {18, 24});
       },
       some({3, 4, 9, 8})},
      resize_case("Resize_nearest", {{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}},
                  {18, 12},
                  [](const at::Tensor& x) {
                    return at::upsample_nearest2d(x, {18, 12});
                  }),
      resize_case("Resize_linear", {{"mode", "linear"}}, {18, 12},
                  [](const at::Tensor& x) {
                    return at::upsample_bilinear2d(x, {18, 12}, false);
                  }),
      resize_case("Resize_linear_by_corners", {{"mode", "linear"}, {"coordinate_transformation_mode", "align_corners"}},
                  {5, 12},
                  [](const at::Tensor& x) {
                    return at::upsample_bilinear2d(x, {5, 12}, true);
                  }),
      image_case("ReduceMean", "ReduceMean", {{"axes", Integers{-1, 1}}, {"keepdims", std::int64_t{0}}},
                 [](const at::Tensor& x) {
                   return x.mean({1, 3});
                 }),
      image_case("ReduceMax", "ReduceMax", {{"axes", Integers{2}}},
                 [](const at::Tensor& x) { return x.amax({2}, true); }),
      image_case("ReduceMin", "ReduceMin", {{"axes", Integers{2}}},
                 [](const at::Tensor& x) { return x.amin({2}, true); }),
      image_case("ReduceL1", "ReduceL1", {{"axes", Integers{2}}},
                 [](const at::Tensor& x) { return x.abs().sum({2}, true); }),
      image_case("ReduceL2", "ReduceL2", {{"axes", Integers{2}}},
                 [](const at::Tensor& x) { return x.square().sum({2}, true).sqrt(); }),
      image_case("ReduceSumSquare", "ReduceSumSquare", {{"axes", Integers{2}}},
                 [](const at::Tensor& x) { return x.square().sum({2}, true); }),
      image_case(
          "ReduceSum", "ReduceSum", {{"axes", Integers{3}}}, [](const at::Tensor& x) { return x.sum({3}, true); }, 11),
      image_case(
          "Softmax_over_all_that_follow", "Softmax", {{"axis", std::int64_t{2}}},
          [](const at::Tensor& x) {
            return x.reshape({-1, 4, 72}).softmax(2).reshape({-1, 4, 9, 8});
          },
          11),
  };
}

INSTANTIATE_TEST_SUITE_P(Windows, OnnxOperators, testing::ValuesIn(window_cases()),
                         [](const auto& one) { return one.param.name; });

OperatorCase shape_case(const std::string& name, const std::string& op, const std::vector<Integers>& inputs,
                        const OnnxModel::Settings& settings, std::function<at::Tensor(const at::Tensor&)> expected,
                        const Integers& input = {0, 4, 6, 8}, int opset = 13) {
  return {name,
          [=] {
            OnnxModel model(input, opset);
            std::vector<std::string> names{"x"};
            for (const Integers& values : inputs) {
              names.push_back("i" + std::to_string(names.size()));
              model.tensor(names.back(), values);
            }
            model.node(op, names, "y", settings);
            return model;
          },
          std::move(expected), some({3, 4, 6, 8})};
}

std::vector<OperatorCase> shape_cases() {
  return {
      shape_case("Reshape", "Reshape", {{0, 2, -1}}, {},
                 [](const at::Tensor& x) {
                   return x.reshape({-1, 2, 96});
                 }),
      shape_case("Reshape_with_examples_open", "Reshape", {{-1, 48}}, {},
                 [](const at::Tensor& x) {
                   return x.reshape({-1, 48});
                 }),
      shape_case("Reshape_of_a_file_for_one_example", "Reshape", {{1, -1}}, {},
                 [](const at::Tensor& x) {
                   return x.reshape({-1, 192});
                 },
                 {1, 4, 6, 8}),
      shape_case("Reshape_of_a_file_for_five_examples", "Reshape", {{20, 48}}, {},
                 [](const at::Tensor& x) {
                   return x.reshape({-1, 48});
                 },
                 {5, 4, 6, 8}),
      shape_case("Flatten", "Flatten", {}, {},
                 [](const at::Tensor& x) {
                   return x.reshape({-1, 192});
                 }),
      shape_case("Transpose", "Transpose", {}, {{"perm", Integers{0, 3, 1, 2}}},
                 [](const at::Tensor& x) {
                   return x.permute({0, 3, 1, 2});
                 }),
      shape_case("Unsqueeze", "Unsqueeze", {{1, -1}}, {},
                 [](const at::Tensor& x) { return x.unsqueeze(1).unsqueeze(-1); }),
      shape_case(
          "Unsqueeze_by_attribute", "Unsqueeze", {}, {{"axes", Integers{1}}},
          [](const at::Tensor& x) { return x.unsqueeze(1); }, {0, 4, 6, 8}, 11),
      shape_case("Slice", "Slice", {{1, -3}, {3, 9223372036854775807}, {1, 3}, {1, 2}}, {},
                 [](const at::Tensor& x) { return x.slice(1, 1, 3).slice(3, 5, 8, 2); }),
      shape_case("Slice_backwards", "Slice", {{-1}, {-9223372036854775807}, {2}, {-2}}, {},
                 [](const at::Tensor& x) {
                   return x.index_select(2, at::tensor(Integers{5, 3, 1}, at::kLong));
                 }),
      shape_case(
          "Slice_by_attributes", "Slice", {}, {{"starts", Integers{1}}, {"ends", Integers{3}}, {"axes", Integers{1}}},
          [](const at::Tensor& x) { return x.slice(1, 1, 3); }, {0, 4, 6, 8}, 9),
      shape_case("Gather", "Gather", {{3, 0, -2}}, {{"axis", std::int64_t{1}}},
                 [](const at::Tensor& x) {
                   return x.index_select(1, at::tensor(Integers{3, 0, 2}, at::kLong));
                 }),
      shape_case("Tile", "Tile", {{1, 1, 2, 1}}, {},
                 [](const at::Tensor& x) {
                   return x.repeat({1, 1, 2, 1});
                 }),
      shape_case("Pad", "Pad", {{0, 0, 1, 2, 0, 0, 3, -1}}, {},
                 [](const at::Tensor& x) {
                   return at::constant_pad_nd(x, {2, -1, 1, 3});
                 }),
      shape_case("Pad_mirrored", "Pad", {{0, 0, 1, 2, 0, 0, 3, 1}}, {{"mode", "reflect"}},
                 [](const at::Tensor& x) {
                   return at::reflection_pad2d(x, {2, 1, 1, 3});
                 }),
      shape_case("Pad_with_the_edge", "Pad", {{0, 0, 1, 2, 0, 0, 3, 1}}, {{"mode", "edge"}},
                 [](const at::Tensor& x) {
                   return at::replication_pad2d(x, {2, 1, 1, 3});
                 }),
      shape_case("DepthToSpace", "DepthToSpace", {}, {{"blocksize", std::int64_t{2}}, {"mode", "CRD"}},
                 [](const at::Tensor& x) { return at::pixel_shuffle(x, 2); }),
      shape_case("SpaceToDepth", "SpaceToDepth", {}, {{"blocksize", std::int64_t{2}}},
                 [](const at::Tensor& x) {
                   return x.reshape({-1, 4, 3, 2, 4, 2}).permute({0, 3, 5, 1, 2, 4}).reshape({-1, 16, 3, 4});
                 }),
  };
}

INSTANTIATE_TEST_SUITE_P(Shapes, OnnxOperators, testing::ValuesIn(shape_cases()),
                         [](const auto& one) { return one.param.name; });

std::vector<OperatorCase> path_cases() {
  const at::Tensor token = some({1, 1, 6}), places = some({1, 5, 6}), table = some({9, 6});
  return {
      // Torch's x.view(x.size(0), -1), as its exporter writes it.
      {"sizes_taken_from_a_shape",
       [] {
         return std::move(OnnxModel({0, 4, 6})
                              .node("Shape", {"x"}, "shape")
                              .tensor("zero", at::scalar_tensor(0, at::kLong))
                              .tensor("axes", Integers{0})
                              .tensor("rest", Integers{-1})
                              .node("Gather", {"shape", "zero"}, "examples")
                              .node("Unsqueeze", {"examples", "axes"}, "size")
                              .node("Concat", {"size", "rest"}, "sizes", {{"axis", std::int64_t{0}}})
                              .node("Reshape", {"x", "sizes"}, "y"));
       },
       [](const at::Tensor& x) {
         return x.reshape({x.size(0), -1});
       },
       some({3, 4, 6})},
      // A class token before the others of every example, and what is learned of places.
      {"a_row_for_every_example",
       [=] {
         return std::move(OnnxModel({0, 4, 6})
                              .node("Shape", {"x"}, "shape")
                              .tensor("zero", Integers{0})
                              .tensor("one", Integers{1})
                              .tensor("width", Integers{-1, -1})
                              .tensor("class_token", token)
                              .tensor("pos_embedding", places)
                              .node("Slice", {"shape", "zero", "one"}, "examples")
                              .node("Concat", {"examples", "width"}, "asked", {{"axis", std::int64_t{0}}})
                              .tensor("minus", Integers{-1})
                              .node("Equal", {"asked", "minus"}, "open")
                              .tensor("ones", Integers{1, 1, 1})
                              .node("Where", {"open", "ones", "asked"}, "sizes")
                              .node("Expand", {"class_token", "sizes"}, "tokens")
                              .node("Concat", {"tokens", "x"}, "all", {{"axis", std::int64_t{1}}})
                              .node("Add", {"all", "pos_embedding"}, "y"));
       },
       [=](const at::Tensor& x) {
         return at::cat({token.expand({x.size(0), 1, 6}), x}, 1) + places;
       },
       some({3, 4, 6})},
      // In a file for one example it needs no Expand.
      {"a_row_for_the_only_example",
       [=] {
         return std::move(OnnxModel({1, 4, 6})
                              .tensor("class_token", token)
                              .node("Concat", {"class_token", "x"}, "y", {{"axis", std::int64_t{1}}}));
       },
       [=](const at::Tensor& x) {
         return at::cat({token.expand({x.size(0), 1, 6}), x}, 1);
       },
       some({3, 4, 6})},
      // Torch's attention flattens [tokens, N, width] to [tokens N, width] before a layer.
      {"examples_inside_a_dimension",
       [=] {
         return std::move(OnnxModel({0, 4, 6})
                              .tensor("flat", Integers{-1, 6})
                              .tensor("fc.weight", table)
                              .tensor("fc.bias", some({9}))
                              .tensor("zero", Integers{0})
                              .tensor("two", Integers{2})
                              .tensor("nine", Integers{9})
                              .node("Transpose", {"x"}, "t", {{"perm", Integers{1, 0, 2}}})
                              .node("Shape", {"t"}, "shape")
                              .node("Reshape", {"t", "flat"}, "rows")
                              .node("Gemm", {"rows", "fc.weight", "fc.bias"}, "out", {{"transB", std::int64_t{1}}})
                              .node("Relu", {"out"}, "active")
                              .node("Slice", {"shape", "zero", "two"}, "kept")
                              .node("Concat", {"kept", "nine"}, "sizes", {{"axis", std::int64_t{0}}})
                              .node("Reshape", {"active", "sizes"}, "back")
                              .node("Transpose", {"back"}, "y", {{"perm", Integers{1, 0, 2}}}));
       },
       [=](const at::Tensor& x) { return at::linear(x, table, some({9})).relu(); }, some({3, 4, 6})},
      {"a_constant_mask",
       [] {
         return std::move(OnnxModel({0, 3, 3})
                              .tensor("three", Integers{3, 3})
                              .node("ConstantOfShape", {"three"}, "zeros")
                              .number("5", 1)
                              .node("Add", {"zeros", "5"}, "ones")
                              .node("Trilu", {"ones"}, "mask", {{"upper", std::int64_t{0}}})
                              .node("Mul", {"x", "mask"}, "y"));
       },
       [](const at::Tensor& x) { return x.tril(); }, some({3, 3, 3})},
  };
}

INSTANTIATE_TEST_SUITE_P(Paths, OnnxOperators, testing::ValuesIn(path_cases()),
                         [](const auto& one) { return one.param.name; });

/// Names of parameters and buffers with their roles, in the graph's order.
std::vector<std::string> tensors_of(const OnnxImport& import) {
  std::vector<std::string> all;
  const std::string text = import.graph->text();
  for (const auto& [name, tensor] : import.tensors) {
    const std::size_t at = text.find(" " + name + " [");
    const std::size_t line = text.rfind('\n', at) + 1;
    all.push_back(text.substr(line, at - line) + " " + name);
  }
  return all;
}

OnnxModel two_layers() {
  return std::move(OnnxModel({0, 1, 6, 6})
                       .tensor("onnx::Conv_193", some({4, 1, 3, 3}))
                       .tensor("onnx::Conv_194", some({4}))
                       .tensor("fc.weight", some({5, 64}))
                       .tensor("fc.bias", some({5}))
                       .node("Conv", {"x", "onnx::Conv_193", "onnx::Conv_194"}, "layer1/layer1.0/conv1")
                       .node("Relu", {"layer1/layer1.0/conv1"}, "r")
                       .node("Flatten", {"r"}, "f")
                       .node("Gemm", {"f", "fc.weight", "fc.bias"}, "y", {{"transB", std::int64_t{1}}}));
}

TEST(ImportOnnx, calls_layers_as_torch_does) {
  const OnnxImport import = import_of(two_layers());
  EXPECT_THAT(tensors_of(import), testing::ElementsAre("weight layer1.0.conv1.weight", "bias layer1.0.conv1.bias",
                                                       "weight fc.weight", "bias fc.bias"));
  EXPECT_EQ(import.graph->nodes().front().name, "layer1.0.conv1");
  EXPECT_EQ(import.graph->nodes().back().name, "fc");
}

TEST(ImportOnnx, finds_the_name_of_a_turned_weight_at_its_bias) {
  const OnnxImport import = import_of(std::move(OnnxModel({0, 3, 5})
                                                    .tensor("onnx::MatMul_88", some({5, 4}))
                                                    .tensor("mlp.0.bias", some({4}))
                                                    .node("MatMul", {"x", "onnx::MatMul_88"}, "product")
                                                    .node("Add", {"mlp.0.bias", "product"}, "y")));
  ASSERT_EQ(import.graph->nodes().size(), 1u) << import.graph->text();
  EXPECT_THAT(tensors_of(import), testing::ElementsAre("weight mlp.0.weight", "bias mlp.0.bias"));
  EXPECT_TRUE(import.tensors[0].second.equal(some({5, 4}).t()));
}

TEST(ImportOnnx, trains_by_itself_what_an_exporter_kept_once_for_being_equal) {
  const OnnxImport import = import_of(std::move(OnnxModel({0, 4})
                                                    .tensor("a.weight", some({4, 4}))
                                                    .tensor("a.bias", at::zeros({4}))
                                                    .node("Identity", {"a.bias"}, "b.bias")
                                                    .node("Gemm", {"x", "a.weight", "a.bias"}, "h")
                                                    .node("Gemm", {"h", "a.weight", "b.bias"}, "y")));
  // The weight is one, because one name stands in both layers.
  EXPECT_THAT(tensors_of(import), testing::ElementsAre("weight a.weight", "bias a.bias", "bias b.bias"));
}

TEST(ImportOnnx, gives_a_batch_norm_its_behavior_in_training_back) {
  const at::Tensor scale = some({4}), mean = some({4}).mul(0.1), variance = scale.abs().add(0.5);
  const OnnxImport import = import_of(
      std::move(OnnxModel({0, 4})
                    .tensor("n.weight", scale)
                    .tensor("n.bias", at::zeros({4}))
                    .tensor("n.running_mean", mean)
                    .tensor("n.running_var", variance)
                    .node("BatchNormalization", {"x", "n.weight", "n.bias", "n.running_mean", "n.running_var"}, "y",
                          {{"momentum", 0.8}})));
  EXPECT_THAT(tensors_of(import),
              testing::ElementsAre("scale n.weight", "bias n.bias", "buffer n.running_mean", "buffer n.running_var"));
  Network network = network_of(import);
  const at::Tensor x = some({8, 4}).mul(3).add(1);
  const at::NoGradGuard no_grad;
  const at::Tensor trained = network.forward(x, {.mode = Mode::train});
  EXPECT_TRUE(trained.allclose(at::batch_norm(x, scale, at::zeros({4}), {}, {}, true, 0, 1e-5, false), 1e-5, 1e-6));
  // ONNX keeps 0.8 of what was.
  const at::Tensor kept = network.weights().at(2).second;
  EXPECT_TRUE(kept.allclose(mean * 0.8 + x.mean(0) * 0.2, 1e-5, 1e-6));
}

TEST(ImportOnnx, gives_dropout_back) {
  const OnnxImport import =
      import_of(std::move(OnnxModel({0, 1000}, 10).node("Dropout", {"x"}, "y", {{"ratio", 0.25}})));
  const at::NoGradGuard no_grad;
  const Network network = network_of(import);
  const double dropped =
      network.forward(at::ones({4, 1000}), {.mode = Mode::train}).eq(0).to(at::kFloat).mean().item<double>();
  EXPECT_NEAR(dropped, 0.25, 0.05);
}

OnnxModel of_two_outputs() {
  OnnxModel model({0, 4});
  model.node("Relu", {"x"}, "y").node("Exp", {"x"}, "aux");
  model.proto().mutable_graph()->add_output()->set_name("aux");
  return model;
}

TEST(ImportOnnx, takes_the_output_that_is_asked_for) {
  const std::string bytes = of_two_outputs().bytes();
  const OnnxImport first = import_onnx_bytes(bytes, "m.onnx", {});
  EXPECT_EQ(first.output, "y");
  EXPECT_THAT(first.remarks, testing::ElementsAre(testing::HasSubstr("(y, aux)")));
  EXPECT_EQ(first.graph->nodes().size(), 1u);
  EXPECT_EQ(import_onnx_bytes(bytes, "m.onnx", {}, "aux").graph->nodes().front().op->name(), "Exp");
  EXPECT_EQ(import_onnx_bytes(bytes, "m.onnx", {}, "1").output, "aux");
}

TEST(ImportOnnx, is_given_the_sizes_that_a_file_leaves_free) {
  const std::string bytes = std::move(OnnxModel({0, 3, 0, 0}).node("Flatten", {"x"}, "y")).bytes();
  const OnnxImport import = import_onnx_bytes(bytes, "m.onnx", {}, "", {3, 4, 5});
  EXPECT_EQ(to_string(import.graph->value(import.graph->output()).dims), "[N, 60]");
  EXPECT_THROW(import_onnx_bytes(bytes, "m.onnx", {}, "", {1, 4, 5}), Error);
  EXPECT_THROW(import_onnx_bytes(bytes, "m.onnx", {}, "", {3, 4}), Error);
}

TEST(ImportOnnx, takes_examples_of_another_shape_in_its_own) {
  const std::string bytes = std::move(OnnxModel({0, 60}).node("Relu", {"x"}, "y")).bytes();
  const OnnxImport import = import_onnx_bytes(bytes, "m.onnx", {}, "", {3, 4, 5});
  EXPECT_EQ(to_string(import.graph->value(import.graph->input()).dims), "[N, 60]");
}

std::string refusal_of(const OnnxModel& model, const std::string& output = "") {
  try {
    import_onnx_bytes(model.bytes(), "m.onnx", {}, output);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "imported";
}

TEST(ImportOnnx, names_all_operators_that_it_does_not_understand) {
  OnnxModel model({0, 4});
  model.node("Hardmax", {"x"}, "h").node("Relu", {"h"}, "r").node("Det", {"r"}, "d").node("Relu", {"d"}, "s");
  model.node("Fancy", {"s"}, "y").last_node().set_domain("com.example");
  auto* set = model.proto().add_opset_import();
  set->set_domain("com.example");
  set->set_version(3);
  const std::string refusal = refusal_of(model);
  EXPECT_THAT(refusal, testing::HasSubstr("m.onnx: 3 operators are not understood"));
  EXPECT_THAT(refusal, testing::HasSubstr("Hardmax (node /h/Hardmax, opset 13): there is no such operator here"));
  EXPECT_THAT(refusal, testing::HasSubstr("Det (node /d/Det, opset 13)"));
  EXPECT_THAT(refusal, testing::HasSubstr("Fancy (node /y/Fancy, domain com.example, opset 3)"));
}

TEST(ImportOnnx, says_what_stands_in_the_way_of_an_operator_that_it_has) {
  EXPECT_THAT(refusal_of(std::move(OnnxModel({0, 4, 6}).tensor("i", Integers{0}).node("Gather", {"x", "i"}, "y"))),
              testing::HasSubstr("Gather (node /y/Gather, opset 13): takes some of the examples"));
  EXPECT_THAT(refusal_of(std::move(OnnxModel({0, 4}).node("ReduceMean", {"x"}, "y"))),
              testing::HasSubstr("reduces the examples"));
  EXPECT_THAT(refusal_of(std::move(OnnxModel({0, 4, 0}).node("Relu", {"x"}, "y"))),
              testing::HasSubstr("leaves size 2 of its input x free"));
  EXPECT_THAT(refusal_of(of_two_outputs(), "logits"), testing::HasSubstr("has no output \"logits\"; it has y, aux"));
}

}  // namespace
}  // namespace espalier
