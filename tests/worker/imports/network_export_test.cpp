#include "worker/imports/network_export.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "experiments/models/network_file.h"
#include "tests/experiments/models/built_model.h"
#include "worker/network/stored_network.h"
#include "worker/operators/graph_outputs.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using Indices = std::vector<std::int64_t>;

TEST(NetworkExport, TheSmallerNetworkIsAFileThatSaysWhatItIsAPartOf) {
  // Filters are gone whose norm has a shift, which the bias of "last" can hold, and one of "last", whose own bias no
  // bias of "padded" can.
  const ModelDescription model = built_model("two", {1, 6, 6}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.batch_norm("bn", graph.conv2d("first", x, {4, 3, 1, 0, false}));
    x = graph.relu("relu", graph.conv2d("last", x, {3, 3}));
    return graph.linear("fc", graph.global_average_pool(graph.conv2d("padded", x, {2, 3, 1, 1})), 3);
  });
  at::manual_seed(1);
  NamedTensors weights, masks;
  for (const Value& value : model.graph->values()) {
    if (value.source != Value::Source::parameter && value.source != Value::Source::buffer) continue;
    weights.emplace_back(value.name, at::rand(sizes_of(value.dims)).add(0.5));
    if (value.name == "first.weight" || value.name == "last.weight") {
      at::Tensor mask = at::ones(sizes_of(value.dims), at::kByte);
      mask.narrow(0, 1, value.name == "first.weight" ? 2 : 1).zero_();
      masks.emplace_back(value.name, mask);
      weights.back().second.mul_(mask);
    }
  }
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "network_export_test";
  std::filesystem::create_directories(folder);
  const TensorFile file =
      to_file(with_masks(weights, masks), {{kGraphKey, graph_metadata(*model.graph)}, {"trial", "7"}});
  write_file_atomically(folder / "whole", to_safetensors(file.content));
  EXPECT_THAT(
      export_smaller(folder / "whole", folder / "small"),
      ElementsAre("1 unit of last stays masked: padded would add different numbers at different places, with its "
                  "padding of 1 x 1"));
  const StoredNetwork small = load_network(folder / "small");
  EXPECT_EQ(small.metadata.at("trial"), "7");
  EXPECT_EQ(nlohmann::json::parse(small.metadata.at("folded")), nlohmann::json({"last.bias"}));
  const nlohmann::json kept = nlohmann::json::parse(small.metadata.at("kept"));
  EXPECT_EQ(kept.at("first.weight").at(0), Indices({0, 3}));
  EXPECT_EQ(kept.at("last.weight").at(1), Indices({0, 3}));
  EXPECT_FALSE(kept.contains("last.bias"));
  EXPECT_TRUE(small.masks.empty());
  const auto outputs = [&](const OperatorGraph& graph, const NamedTensors& tensors) {
    return outputs_of(graph, random_examples(*model.graph, 2).to(at::kFloat), [&](const std::string& name) {
      return std::ranges::find(tensors, name, [](const auto& named) { return named.first; })->second;
    });
  };
  EXPECT_TRUE(at::allclose(outputs(*small.graph, small.tensors), outputs(*model.graph, weights), 1e-4, 1e-5));
}

}  // namespace
}  // namespace espalier
