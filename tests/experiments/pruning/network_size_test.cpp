#include "experiments/pruning/network_size.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

// 3x3 kernels of 1 channel: 4 * 9 + 4 parameters, a batch norm of 4 (8, and 8 numbers of statistics), 4 * 2 + 2.
ModelDescription small_net() {
  return built_model("small", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu", graph.batch_norm("bn", graph.conv2d("conv", x, {4, 3, 1, 1})));
    return graph.linear("fc", graph.global_average_pool(x), 2);
  });
}

/// Bytes of a file of tensors of these names and sizes.
std::int64_t file_of(const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& tensors) {
  Safetensors content;
  std::vector<std::string> held;
  held.reserve(tensors.size());
  for (const auto& [name, shape] : tensors) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    held.emplace_back(4 * count, '\0');
    content.tensors.push_back({name, TensorType::f32, shape, held.back()});
  }
  return static_cast<std::int64_t>(to_safetensors(content).size());
}

TEST(NetworkSize, CountsParametersMultiplyAddsAndTheFileOfItsTensors) {
  const NetworkSize size = size_of(small_net());
  EXPECT_EQ(size.parameters, 36 + 4 + 8 + 8 + 2);
  EXPECT_EQ(size.madds, 36 * 16 + 8);
  EXPECT_EQ(size.file_bytes, file_of({{"conv.weight", {4, 1, 3, 3}},
                                      {"conv.bias", {4}},
                                      {"bn.weight", {4}},
                                      {"bn.bias", {4}},
                                      {"bn.running_mean", {4}},
                                      {"bn.running_var", {4}},
                                      {"fc.weight", {2, 4}},
                                      {"fc.bias", {2}}}));
}

TEST(NetworkSize, UnderMasksItIsThatOfWhatStays) {
  std::string conv(36, '\1'), channels(4, '\1');
  conv.replace(9, 9, 9, '\0');  // the second of four filters
  channels[1] = '\0';
  const auto masks = [&](const std::string& shifts) {
    return std::vector<TensorBytes>{{"conv.weight", TensorType::u8, {4, 1, 3, 3}, conv},
                                    {"conv.bias", TensorType::u8, {4}, channels},
                                    {"bn.weight", TensorType::u8, {4}, channels},
                                    {"bn.bias", TensorType::u8, {4}, shifts}};
  };
  const auto size = size_under(small_net(), masks(channels));
  ASSERT_TRUE(size);
  EXPECT_EQ(size->parameters, 27 + 3 + 6 + 6 + 2);
  EXPECT_EQ(size->madds, 27 * 16 + 6);
  EXPECT_LT(size->file_bytes, size_of(small_net()).file_bytes);
  const std::string all(4, '\1');
  EXPECT_EQ(size_under(small_net(), masks(all)), size_of(small_net())) << "a shift that stays keeps its channel";
}

TEST(NetworkSize, OfAModuleWithoutAGraphNothingIsKnown) {
  ModelDescription module = small_net();
  module.graph.reset();
  EXPECT_FALSE(size_under(module, {}));
}

}  // namespace
}  // namespace espalier
