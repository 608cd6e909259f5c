#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "experiments/pruning/allocations/allocations.h"
#include "experiments/pruning/prune_scopes.h"
#include "tests/worker/golden/golden_case.h"
#include "worker/criteria/loss_derivatives.h"
#include "worker/pruning/scope_units.h"

// What passes through heads and blocks, and channels that go together.

namespace espalier {
namespace {

class Heads : public ForwardObserver {
 public:
  std::vector<at::Tensor> outputs;
  void on_heads(const std::string&, const at::Tensor& output) override { outputs.push_back(output); }
};

/// Per attention: sum over the dimensions of a head of A dL/dA, [N, tokens, heads], L the sum of the sequences' losses.
/// A factor on a head's output has the sum over tokens as its derivative (Michel et al. 2019, arXiv:1905.10650).
std::vector<at::Tensor> head_derivatives(const GoldenCase& golden) {
  const Network network = golden.network();
  const Batch batch = golden.batch();
  Heads heads;
  const at::AutoGradMode with_grad(true);
  const at::Tensor losses =
      network.task().example_losses(network.forward(batch.inputs, {Mode::evaluate, &heads}), batch.labels);
  const std::vector<at::Tensor> gradients = torch::autograd::grad({losses.sum()}, heads.outputs);
  std::vector<at::Tensor> products;
  for (std::size_t i = 0; i < gradients.size(); ++i)
    products.push_back(gradients[i].mul(heads.outputs[i].detach()).sum(3));
  return products;
}

NamedTensors heads(const GoldenCase& golden, at::Tensor (*reduce)(const at::Tensor& products)) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& products : head_derivatives(golden)) rows.push_back(reduce(products));
  return {{"", at::stack(rows)}};
}
GoldenEntry heads(at::Tensor (*reduce)(const at::Tensor& products)) {
  return {GoldenEntry::Kind::compared, 1e-5,
          [reduce](const GoldenCase& golden, const std::string&) { return heads(golden, reduce); }, ""};
}

class Blocks : public ForwardObserver {
 public:
  std::vector<at::Tensor> cosines;
  void on_block(const std::string&, const at::Tensor& input, const at::Tensor& output) override {
    cosines.push_back(at::cosine_similarity(input.to(at::kDouble), output.to(at::kDouble), -1));
  }
};
GoldenEntry blocks(at::Tensor (*influence)(const at::Tensor& cosines)) {
  return {GoldenEntry::Kind::compared, 1e-5,
          [influence](const GoldenCase& golden, const std::string&) {
            const at::NoGradGuard no_grad;
            Blocks seen;
            golden.network().forward(golden.batch().inputs, {Mode::evaluate, &seen});
            std::vector<at::Tensor> means;
            for (const at::Tensor& cosines : seen.cosines) means.push_back(influence(cosines).mean());
            return NamedTensors{{"", at::stack(means)}};
          },
          ""};
}

// Torch-Pruning: sets of channels that go together, their scores, and what the network computes without them.

std::vector<PruneScope> channel_scopes(const GoldenCase& golden) {
  return prune_scopes(golden.model(), parse_granularity("channel l2"), "magnitude", {});
}

bool has_layer(const PruneScope& scope, const std::string& layer) {
  return std::any_of(scope.members.begin(), scope.members.end(), [&](const ScopeMember& member) {
    return member.part == ScopeMember::Part::outputs && member.layer == layer;
  });
}

/// [units]: sum over the part of the member that belongs to a unit of |value|^p.
at::Tensor member_score(const GoldenCase& golden, const ScopeMember& member, double p) {
  const at::Tensor powers = golden.tensor("param." + member.layer + ".weight").to(at::kDouble).abs().pow(p);
  if (member.part == ScopeMember::Part::norm) return powers;
  if (member.part == ScopeMember::Part::inputs) return powers.transpose(0, 1).flatten(1).sum(1);
  return powers.flatten(1).sum(1);
}

/// Of a run: the mean over the coupled members, or the root alone, divided by its own mean.
NamedTensors importances(const GoldenCase& golden, const std::string& run) {
  const nlohmann::json& settings = golden.meta.at("tp_runs").at(run).at("settings");
  const bool first = settings.at("group_reduction") == "first";
  const std::string normalizer = settings.contains("normalizer") && settings.at("normalizer").is_string()
                                     ? settings.at("normalizer").get<std::string>()
                                     : std::string();
  const double p = settings.at("p");
  NamedTensors named;
  for (const auto& [root, unused] : golden.meta.at("tp_runs").at(run).at("importance").items()) {
    for (const PruneScope& scope : channel_scopes(golden)) {
      if (!has_layer(scope, root)) continue;
      std::vector<at::Tensor> members;
      for (const ScopeMember& member : scope.members) {
        const bool is_root = member.layer == root && member.part == ScopeMember::Part::outputs;
        if (!first || is_root) members.push_back(member_score(golden, member, p));
      }
      at::Tensor score = at::stack(members).mean(0);
      if (normalizer == "mean") score = score.div(score.mean());
      named.emplace_back("importance." + root, score);
    }
  }
  return named;
}

/// The network's output with a run's removed channels masked, by our masks of coupled channels.
at::Tensor masked_output(const GoldenCase& golden, const std::string& run) {
  const nlohmann::json& removed = golden.meta.at("tp_runs").at(run).at("removed");
  Network network = golden.network();
  const Granularity channel = parse_granularity("channel l2");
  NamedTensors masks = network.masks();
  for (const PruneScope& scope : channel_scopes(golden)) {
    std::vector<std::uint8_t> kept(static_cast<std::size_t>(scope.units), 1);
    for (const ScopeMember& member : scope.members) {
      if (member.part != ScopeMember::Part::outputs || !removed.contains(member.layer)) continue;
      for (const std::size_t unit : removed.at(member.layer).get<std::vector<std::size_t>>()) kept.at(unit) = 0;
    }
    mask_units(scope, channel, network, kept, false, masks);
  }
  network.set_masks(masks);
  const at::NoGradGuard no_grad;
  return network.forward(golden.batch().inputs);
}

NamedTensors torch_pruning(const GoldenCase& golden, const std::string& run) {
  NamedTensors named = importances(golden, run);
  const at::Tensor output = masked_output(golden, run);
  named.emplace_back("out", output);
  named.emplace_back("masked_out", output);
  return named;
}

/// JaxPruner's budget: what floor(s n) of each layer leaves.
NamedTensors erk_densities(const GoldenCase& golden, const std::string& sparsity) {
  std::vector<AllocationScope> scopes;
  double kept = 0;
  for (const std::string& name : golden.meta.at("prunable").get<std::vector<std::string>>()) {
    const at::Tensor& weight = golden.tensor("param." + name);
    scopes.push_back({name, weight.numel(), weight.sizes().vec()});
    const auto count = static_cast<double>(weight.numel());
    kept += count - std::floor(std::stod(sparsity) * count);
  }
  return {{"", at::tensor(find_allocation("erk").densities(scopes, kept), at::kDouble)}};
}

}  // namespace

GoldenTable golden_structures() {
  using enum GoldenEntry::Kind;
  const auto absent = [](const char* reason) { return GoldenEntry{skipped, 0, nullptr, reason}; };
  const auto sequence = [](const at::Tensor& products) { return products.sum(1).abs().mean(0); };
  const GoldenEntry importance = heads(sequence);
  return {
      {"score.head_importance", importance},
      {"check.head_importance_direct", importance},
      {"score.head_importance_batchgrad", heads([](const at::Tensor& products) {
         return products.sum(1).sum(0).div(static_cast<double>(products.size(0))).abs();
       })},
      {"score.head_importance_layernormed", heads([](const at::Tensor& products) {
         const at::Tensor scores = products.sum(1).abs().mean(0);
         return scores.div(scores.square().sum().sqrt());
       })},
      {"score.head_importance_perposition",
       heads([](const at::Tensor& products) { return products.abs().sum(1).mean(0); })},
      {"score.block_influence", blocks([](const at::Tensor& cosines) { return cosines.neg().add(1); })},
      {"score.block_influence_angular",
       blocks([](const at::Tensor& cosines) { return cosines.clamp(-1, 1).acos().div(std::acos(-1.0)); })},
      {"tp", {compared, 1e-5, torch_pruning, ""}},
      {"tp.param", absent("networks are masked, not made smaller")},
      {"tp.buffer", absent("networks are masked, not made smaller")},
      {"tp.filters_only_masked_out", absent("the peer's example of a mask that forgets norms; ours does not")},
      {"erk.densities", {compared, 1e-9, erk_densities, ""}},
      {"erk.lamp_repo_densities",
       absent("rounds each layer to whole weights, so it agrees with erk to one weight only")},
  };
}

}  // namespace espalier
