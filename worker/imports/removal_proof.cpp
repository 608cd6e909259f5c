#include "worker/imports/removal_proof.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "base/random.h"
#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/shrink.h"
#include "worker/pruning/narrowed_tensor.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

constexpr double kProofTolerance = 1e-6;
constexpr std::int64_t kProofExamples = 2;
constexpr std::uint64_t kProofSeed = 15;  // any: what is proven holds for all units alike

struct Group {
  PruneScope scope;
  Granularity granularity;
  std::vector<std::uint8_t> kept;
};

std::vector<Group> groups_of(const OperatorGraph& graph) {
  std::vector<Group> groups;
  RandomStream random(kProofSeed, "removal proof", 0);
  const auto add = [&](std::vector<PruneScope> scopes, Granularity::Kind kind) {
    for (PruneScope& scope : scopes) {
      if (scope.units < 2) continue;
      Group group{std::move(scope), {.kind = kind}, {}};
      for (std::int64_t i = 0; i < group.scope.units; ++i) group.kept.push_back(random.below(2) == 0 ? 1 : 0);
      group.kept[0] = 0;
      group.kept[1] = 1;
      groups.push_back(std::move(group));
    }
  };
  add(channel_scopes(graph), Granularity::Kind::channel);
  add(head_scopes(graph), Granularity::Kind::head);
  return groups;
}

at::Tensor examples_for(const OperatorGraph& graph) {
  std::vector<std::int64_t> sizes = sizes_of(graph.value(graph.input()).dims);
  sizes[0] = kProofExamples;
  if (graph.value(graph.input()).type == ValueType::index) return at::zeros(sizes, at::kLong);
  at::Tensor examples = at::empty(sizes, at::kDouble);
  RandomStream random(kProofSeed, "examples", 0);
  double* values = examples.data_ptr<double>();
  for (std::int64_t i = 0; i < examples.numel(); ++i) values[i] = random.normal();
  return examples;
}

/// A float64 copy. Biases, shifts and running means are moved away from 0, so that what is forgotten shows.
Network disturbed(const Network& network) {
  Network copy(network.description(), at::kCPU, at::kDouble);
  NamedTensors weights = network.weights();
  RandomStream random(kProofSeed, "disturbance", 0);
  for (auto& [name, tensor] : weights) {
    if (!tensor.is_floating_point()) continue;
    tensor = tensor.to(at::kCPU).to(at::kDouble);
    if (tensor.dim() == 1) tensor = tensor.add(0.1 + 0.1 * random.uniform());
  }
  copy.set_weights(weights);
  return copy;
}

class Proof {
 public:
  explicit Proof(const Network& network)
      : whole_(disturbed(network)),
        graph_(*network.description().graph),
        coupled_(couple(graph_)),
        examples_(examples_for(graph_)) {}

  bool holds(const std::vector<const Group*>& groups) {
    Removal removal(graph_, coupled_);
    NamedTensors masks = whole_.masks();
    for (const Group* group : groups) {
      mask_units(group->scope, group->granularity, whole_, group->kept, false, masks);
      remove(removal, *group);
    }
    Network masked(whole_.description(), at::kCPU, at::kDouble);
    masked.set_weights(whole_.weights());
    masked.set_masks(masks);
    ShrunkGraph shrunk = shrink(removal);
    ModelDescription small = whole_.description();
    small.graph = std::make_shared<const OperatorGraph>(std::move(shrunk.graph));
    Network smaller(small, at::kCPU, at::kDouble);
    const NamedTensors weights = masked.weights();
    NamedTensors left;
    for (const KeptTensor& kept : shrunk.tensors) {
      const auto whole = std::ranges::find(weights, kept.name, [](const auto& named) { return named.first; });
      left.emplace_back(kept.name, narrowed(whole->second, kept));
    }
    smaller.set_weights(left);
    const at::Tensor expected = masked.forward(examples_), given = smaller.forward(examples_);
    const double largest = expected.abs().max().item<double>();
    return given.sub(expected).abs().max().item<double>() <= kProofTolerance * std::max(largest, 1e-12);
  }

 private:
  void remove(Removal& removal, const Group& group) const {
    for (const ScopeMember& member : group.scope.members) {
      if (member.part != ScopeMember::Part::outputs) continue;
      for (std::int64_t slice = 0; slice < member.slices(group.scope.units); ++slice) {
        const std::int64_t unit = member.unit(slice);
        if (unit >= 0 && group.kept[static_cast<std::size_t>(unit)] == 0)
          removal.remove(member.layer + ".weight", static_cast<std::size_t>(member.dimension), slice);
      }
    }
  }

  const Network whole_;
  const OperatorGraph& graph_;
  const CoupledGraph coupled_;
  const at::Tensor examples_;
};

}  // namespace

std::vector<std::string> unproven_scopes(const Network& network) {
  const at::NoGradGuard no_grad;
  const std::vector<Group> groups = groups_of(*network.description().graph);
  Proof proof(network);
  std::vector<const Group*> all;
  for (const Group& group : groups) all.push_back(&group);
  std::vector<std::string> unproven;
  if (all.empty() || proof.holds(all)) return unproven;
  for (const Group* group : all)
    if (!proof.holds({group})) unproven.push_back(group->scope.name);
  return unproven;
}

}  // namespace espalier
