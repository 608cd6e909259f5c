// Attention in the forms in which PyTorch's users write it, as its own exporters give it: heads are units, what is left
// of a network without some of them computes what masks say, and a transformer's layer can leave as a whole.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <tuple>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/models/model_description.h"
#include "experiments/operators/operator.h"
#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/removable_blocks.h"
#include "tests/needs.h"
#include "tests/worker/python_files.h"
#include "worker/imports/network_export.h"
#include "worker/imports/network_import.h"
#include "worker/network/network.h"
#include "worker/network/stored_network.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

struct Wanted {
  const char* name;
  std::int64_t heads = 3, shared = 3;
  std::vector<std::string> blocks = {"layer"};
};

const std::vector<Wanted> kWanted{
    {"written"},
    {"grouped", 6, 2},
    {"interleaved", 6, 2},
    {"multiquery", 3, 1},
    {"fused"},
    {"chunked"},
    {"turned"},
    {"multihead"},
    {"tokens_first"},
    // Norms after the sums: each branch leaves by itself.
    {"encoder_layer", 3, 3, {"layer.self_attn", "layer"}},
    {"pre_norm_layer"},
};

class AttentionNetworks : public testing::TestWithParam<std::tuple<Wanted, const char*>> {
 protected:
  static void SetUpTestSuite() {
    std::vector<std::string> names;
    for (const Wanted& wanted : kWanted) names.emplace_back(wanted.name);
    files_ = std::make_unique<PythonFiles>("attention", ESPALIER_ATTENTION_NETWORKS, names);
  }
  static void TearDownTestSuite() { files_.reset(); }

  static at::Tensor saved(const std::string& file, const std::vector<std::int64_t>& sizes) {
    at::Tensor numbers = at::empty(sizes);
    std::ifstream in(file, std::ios::binary);
    in.read(static_cast<char*>(numbers.data_ptr()), static_cast<std::streamsize>(numbers.nbytes()));
    EXPECT_TRUE(in) << file;
    return numbers;
  }

  static inline std::unique_ptr<PythonFiles> files_;
};

TEST_P(AttentionNetworks, HeadsAndBlocksAreUnits) {
  ESPALIER_NEEDS("python_torch", !files_->lacks_library(),
                 "no torch and onnx for /usr/bin/python3; Debian: python3-torch python3-onnx");
  ASSERT_EQ(files_->exit_code(), 0) << files_->said();
  const auto& [wanted, format] = GetParam();
  const std::string stem = (files_->folder() / wanted.name).string();
  const bool is_onnx = format == std::string("onnx");
  // Its proofs are part of an import.
  const fs::path stored = stem + "." + format + ".safetensors";
  const ModelFile file =
      import_network({stem + (is_onnx ? ".onnx" : ".pt"), format, "", {4, 6, 6}, !is_onnx, 5, stored});
  const OperatorGraph& graph = *file.graph;
  std::vector<const Node*> attentions;
  for (const Node& node : graph.nodes())
    if (node.op->has(OperatorTrait::attention)) attentions.push_back(&node);
  ASSERT_EQ(attentions.size(), 1U) << graph.text();
  EXPECT_EQ(attentions[0]->integer("heads"), wanted.heads);
  EXPECT_EQ(attentions[0]->integer("key_value_heads"), wanted.shared);
  const std::vector<PruneScope> heads = head_scopes(graph);
  if (wanted.shared > 1) {
    ASSERT_EQ(heads.size(), 1U) << graph.text();
    EXPECT_EQ(heads[0].units, wanted.shared);
  }
  std::vector<std::string> blocks;
  for (const RemovableBlock& block : removable_blocks(graph)) blocks.push_back(block.name);
  EXPECT_EQ(blocks, wanted.blocks) << graph.text();
  const StoredNetwork found = load_network(stored, file.content);
  Network network(describe_model({wanted.name, {4, 6, 6}, 5, file}), at::kCPU);
  network.set_weights(found.tensors);
  const at::NoGradGuard no_grad;
  const at::Tensor computed = network.forward(saved(stem + ".input", {3, 4, 6, 6}));
  const at::Tensor expected = saved(stem + ".output", {3, 5});
  EXPECT_LE(computed.sub(expected).abs().max().item<double>(), 1e-5 * expected.abs().max().item<double>());
  for (const char* to : {"onnx", "torchscript"}) EXPECT_NO_THROW(proven_export(found, export_format(to))) << to;
}

std::vector<std::tuple<Wanted, const char*>> wanted_by_format() {
  std::vector<std::tuple<Wanted, const char*>> all;
  for (const Wanted& wanted : kWanted) {
    all.emplace_back(wanted, "torchscript");
    // The exporter of torch 1.13 gives what it repeats another shape than torch does.
    if (wanted.name != std::string("interleaved")) all.emplace_back(wanted, "onnx");
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Some, AttentionNetworks, testing::ValuesIn(wanted_by_format()), [](const auto& instance) {
  return std::string(std::get<0>(instance.param).name) + "_" + std::get<1>(instance.param);
});

}  // namespace
}  // namespace espalier
