#include "worker/imports/block_proof.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "base/random.h"
#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/removable_blocks.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

constexpr double kBlockTolerance = 1e-6;
constexpr std::uint64_t kBlockSeed = 15;  // any

at::Tensor examples_of_blocks(const OperatorGraph& graph) {
  std::vector<std::int64_t> sizes = sizes_of(graph.value(graph.input()).dims);
  sizes[0] = 2;
  if (graph.value(graph.input()).type == ValueType::index) return at::zeros(sizes, at::kLong);
  at::Tensor examples = at::empty(sizes);
  RandomStream random(kBlockSeed, "examples", 0);
  float* values = examples.data_ptr<float>();
  for (std::int64_t i = 0; i < examples.numel(); ++i) values[i] = static_cast<float>(random.normal());
  return examples;
}

class BlockProof {
 public:
  explicit BlockProof(const Network& network)
      : model_(network.description()),
        blocks_(removable_blocks(*model_.graph)),
        examples_(examples_of_blocks(*model_.graph)),
        weights_(network.weights()) {
    // Biases, shifts and running means are moved away from 0, so that one that stays shows.
    RandomStream random(kBlockSeed, "disturbance", 0);
    for (auto& [name, tensor] : weights_)
      if (tensor.dim() == 1 && tensor.is_floating_point()) tensor.add_(0.1 + 0.1 * random.uniform());
  }

  const std::vector<RemovableBlock>& blocks() const { return blocks_; }

  bool holds(const std::vector<RemovableBlock>& leaving) const {
    const PruneScope scope = block_scopes(*model_.graph).at(0);
    std::vector<std::uint8_t> kept;
    for (const std::string& name : scope.blocks)
      kept.push_back(std::ranges::count(leaving, name, &RemovableBlock::name) == 0 ? 1 : 0);
    Network masked(model_, at::kCPU);
    masked.set_weights(weights_);
    NamedTensors masks = masked.masks();
    mask_units(scope, {.kind = Granularity::Kind::layer}, masked, kept, false, masks);
    masked.set_masks(masks);
    ModelDescription small = model_;
    small.graph = std::make_shared<const OperatorGraph>(without_blocks(*model_.graph, leaving));
    Network smaller(small, at::kCPU);
    smaller.set_weights(weights_);
    const at::Tensor expected = masked.forward(examples_), given = smaller.forward(examples_);
    const double largest = expected.abs().max().item<double>();
    return given.sub(expected).abs().max().item<double>() <= kBlockTolerance * std::max(largest, 1e-12);
  }

 private:
  const ModelDescription model_;
  const std::vector<RemovableBlock> blocks_;
  const at::Tensor examples_;
  NamedTensors weights_;
};

}  // namespace

std::vector<std::string> unproven_blocks(const Network& network) {
  const at::NoGradGuard no_grad;
  const BlockProof proof(network);
  std::vector<std::string> unproven;
  if (proof.blocks().empty() || proof.holds(proof.blocks())) return unproven;
  for (const RemovableBlock& block : proof.blocks())
    if (!proof.holds({block})) unproven.push_back(block.name);
  return unproven;
}

}  // namespace espalier
