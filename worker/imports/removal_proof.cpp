#include "worker/imports/removal_proof.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include <ATen/core/grad_mode.h>

#include "base/random.h"
#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/removed_units.h"
#include "worker/operators/graph_outputs.h"
#include "worker/pruning/narrowed_tensor.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

constexpr double kProofTolerance = 1e-6;
constexpr std::int64_t kProofExamples = 2;
constexpr std::uint64_t kProofSeed = 15;  // any: what is proven holds for all units alike

std::vector<KeptUnits> half_of(const OperatorGraph& graph) {
  std::vector<KeptUnits> all;
  RandomStream random(kProofSeed, "removal proof", 0);
  const auto add = [&](std::vector<PruneScope> scopes, Granularity::Kind kind) {
    for (PruneScope& scope : scopes) {
      if (scope.units < 2) continue;
      KeptUnits units{std::move(scope), {.kind = kind}, {}};
      for (std::int64_t i = 0; i < units.scope.units; ++i) units.kept.push_back(random.below(2) == 0 ? 1 : 0);
      units.kept[0] = 0;
      units.kept[1] = 1;
      all.push_back(std::move(units));
    }
  };
  add(channel_scopes(graph), Granularity::Kind::channel);
  add(head_scopes(graph), Granularity::Kind::head);
  return all;
}

/// Each of its blocks, called after it.
std::vector<KeptUnits> blocks_of(const OperatorGraph& graph) {
  std::vector<KeptUnits> all;
  for (const PruneScope& scope : block_scopes(graph)) {
    for (std::size_t block = 0; block < scope.blocks.size(); ++block) {
      KeptUnits& units = all.emplace_back(KeptUnits{scope, {.kind = Granularity::Kind::layer}, {}});
      units.scope.name = scope.blocks[block];
      units.kept.assign(scope.blocks.size(), 1);
      units.kept[block] = 0;
    }
  }
  return all;
}

class Proof {
 public:
  explicit Proof(const Network& network)
      : network_(network), graph_(*network.description().graph), examples_(random_examples(graph_, kProofExamples)) {
    RandomStream random(kProofSeed, "disturbance", 0);
    const auto add = [&](const std::string& name, const at::Tensor& tensor) {
      tensors_[name] = {tensor.detach(), tensor.dim() == 1 ? 0.1 + 0.1 * random.uniform() : 0};
    };
    for (const Parameter& parameter : network.named()) add(parameter.name, parameter.leaf);
    for (const Buffer& buffer : network.buffers()) add(buffer.name, buffer.tensor);
  }

  double difference(std::span<const KeptUnits> units) const {
    std::vector<RemovedUnits> removed;
    NamedTensors masks = network_.masks();
    for (const KeptUnits& one : units) {
      mask_units(one.scope, one.granularity, network_, one.kept, false, masks);
      RemovedUnits& leaving = removed.emplace_back(RemovedUnits{one.scope, {}});
      for (const std::uint8_t kept : one.kept) leaving.leaves.push_back(kept == 0);
    }
    const std::map<std::string, at::Tensor> mask_called(masks.begin(), masks.end());
    const TensorByName masked = [&](const std::string& name) {
      const Disturbed& found = tensors_.at(name);
      at::Tensor tensor =
          found.tensor.to(at::kCPU, at::kDouble, /*non_blocking=*/false, /*copy=*/true).add_(found.shift);
      if (const auto mask = mask_called.find(name); mask != mask_called.end()) tensor.mul_(mask->second.to(at::kCPU));
      return tensor;
    };
    const ShrunkGraph shrunk = without_units(graph_, removed);
    std::map<std::string, const KeptTensor*> kept;
    for (const KeptTensor& tensor : shrunk.tensors) kept[tensor.name] = &tensor;
    const at::Tensor expected = outputs_of(graph_, examples_, masked);
    const at::Tensor given = outputs_of(
        shrunk.graph, examples_, [&](const std::string& name) { return narrowed(masked(name), *kept.at(name)); });
    const double largest = expected.abs().max().item<double>();
    return given.sub(expected).abs().max().item<double>() / std::max(largest, 1e-12);
  }

  /// Names those that are wrong by halving. Where two halves are right and both together are not, all of them.
  std::vector<std::string> unproven(std::span<const KeptUnits> units) const {
    std::vector<std::string> names;
    if (units.empty() || difference(units) <= kProofTolerance) return names;
    if (units.size() > 1) {
      names = unproven(units.first(units.size() / 2));
      for (std::string& name : unproven(units.subspan(units.size() / 2))) names.push_back(std::move(name));
    }
    if (names.empty()) {
      for (const KeptUnits& one : units) names.push_back(one.scope.name);
    }
    return names;
  }

 private:
  struct Disturbed {
    at::Tensor tensor;
    double shift = 0;
  };

  const Network& network_;
  const OperatorGraph& graph_;
  const at::Tensor examples_;
  std::map<std::string, Disturbed> tensors_;
};

}  // namespace

double removal_difference(const Network& network, const std::vector<KeptUnits>& units) {
  const at::NoGradGuard no_grad;
  return Proof(network).difference(units);
}

std::vector<std::string> unproven_scopes(const Network& network) {
  const at::NoGradGuard no_grad;
  return Proof(network).unproven(half_of(*network.description().graph));
}

std::vector<std::string> unproven_blocks(const Network& network) {
  const at::NoGradGuard no_grad;
  return Proof(network).unproven(blocks_of(*network.description().graph));
}

}  // namespace espalier
