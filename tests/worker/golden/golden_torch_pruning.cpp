#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/removed_units.h"
#include "tests/worker/golden/golden_case.h"
#include "worker/pruning/narrowed_tensor.h"
#include "worker/pruning/scope_units.h"

// Torch-Pruning (Fang et al. 2023, arXiv:2301.12900): sets of channels that go together, their importances, which go,
// and the network without them. Sets, masks and the smaller network are ours. The importance is computed here: it is a
// mean over all that goes with a channel, the scales of norms and the weights of readers too, of sums of |w|^p without
// a root; ours (worker/pruning/scope_units.h) reduces over the weights that make the channel. So is the threshold,
// which removes equal ones with the last.

namespace espalier {
namespace {

using Part = ScopeMember::Part;

/// One of its runs: the scopes, by their roots, with the units that go.
struct TorchPruningRun {
  std::vector<std::string> roots;
  std::vector<at::Tensor> importances;  ///< float64 [units]
  std::vector<RemovedUnits> removed;
};

bool makes(const PruneScope& scope, const std::string& layer) {
  return std::ranges::any_of(scope.members,
                             [&](const ScopeMember& one) { return one.part == Part::outputs && one.layer == layer; });
}

/// [units]: sum over the part of the member that belongs to a unit of |value|^p.
at::Tensor member_score(const GoldenCase& golden, const ScopeMember& member, double p) {
  const at::Tensor powers = golden.tensor("param." + member.layer + ".weight").to(at::kDouble).abs().pow(p);
  if (member.part == Part::norm) return powers;
  if (member.part == Part::inputs) return powers.transpose(0, 1).flatten(1).sum(1);
  return powers.flatten(1).sum(1);
}

/// The mean over the coupled members, or the root alone, divided by its own mean.
at::Tensor importance(const GoldenCase& golden, const nlohmann::json& settings, const PruneScope& scope,
                      const std::string& root) {
  const bool first = settings.at("group_reduction") == "first";
  std::vector<at::Tensor> members;
  for (const ScopeMember& member : scope.members) {
    const bool is_root = member.layer == root && member.part == Part::outputs;
    if (!first || is_root) members.push_back(member_score(golden, member, settings.at("p")));
  }
  const at::Tensor score = at::stack(members).mean(0);
  const bool normalizes = settings.contains("normalizer") && settings.at("normalizer") == "mean";
  return normalizes ? score.div(score.mean()) : score;
}

/// Those up to the n-th smallest go, n = count - int(count * (1 - ratio)).
double threshold(const at::Tensor& importances, double ratio) {
  const std::int64_t count = importances.numel();
  const auto removed = count - static_cast<std::int64_t>(static_cast<double>(count) * (1 - ratio));
  return removed == 0 ? -1 : std::get<0>(importances.sort())[removed - 1].item<double>();
}

TorchPruningRun torch_pruning_run(const GoldenCase& golden, const std::string& name) {
  const nlohmann::json& given = golden.meta.at("tp_runs").at(name);
  const nlohmann::json& settings = given.at("settings");
  TorchPruningRun run;
  for (const auto& [root, unused] : given.at("importance").items()) {
    for (PruneScope& scope : channel_scopes(*golden.model().graph)) {
      if (!makes(scope, root)) continue;
      run.roots.push_back(root);
      run.importances.push_back(importance(golden, settings, scope, root));
      run.removed.push_back({std::move(scope), {}});
    }
  }
  const double ratio = settings.at("pruning_ratio");
  const bool global = settings.at("global_pruning");
  for (std::size_t i = 0; i < run.removed.size(); ++i) {
    const double last = threshold(global ? at::cat(run.importances) : run.importances[i], ratio);
    const at::Tensor& scores = run.importances[i];
    for (std::int64_t unit = 0; unit < scores.numel(); ++unit)
      run.removed[i].leaves.push_back(scores[unit].item<double>() <= last);
  }
  return run;
}

std::vector<std::int64_t> missing(const std::vector<std::int64_t>& kept, std::int64_t size) {
  std::vector<std::int64_t> gone;
  for (std::int64_t i = 0; i < size; ++i)
    if (!std::ranges::binary_search(kept, i)) gone.push_back(i);
  return gone;
}

/// The smaller network, whose indices are those of the run.
struct CompactedNetwork {
  ModelDescription model;
  NamedTensors weights;
};
CompactedNetwork compacted_network(const GoldenCase& golden, const std::string& name) {
  CompactedNetwork compacted{golden.model(), {}};
  ShrunkGraph shrunk = without_units(*golden.model().graph, torch_pruning_run(golden, name).removed);
  const nlohmann::json& run = golden.meta.at("tp_runs").at(name);
  const NamedTensors whole = golden.network().weights();
  std::set<std::string> outputs, inputs;
  for (const KeptTensor& kept : shrunk.tensors) {
    const at::Tensor& tensor =
        std::ranges::find(whole, kept.name, [](const auto& named) { return named.first; })->second;
    compacted.weights.emplace_back(kept.name, narrowed(tensor, kept));
    if (!kept.name.ends_with(".weight")) continue;
    const std::string layer = kept.name.substr(0, kept.name.size() - 7);
    const auto expect = [&](std::size_t dimension, const char* list, std::set<std::string>& seen) {
      const std::vector<std::int64_t> gone =
          missing(kept.kept[dimension], tensor.size(static_cast<std::int64_t>(dimension)));
      if (gone.empty()) return;
      seen.insert(layer);
      std::vector<std::int64_t> listed = run.at(list).value(layer, std::vector<std::int64_t>());
      std::ranges::sort(listed);
      EXPECT_EQ(gone, listed) << layer << " " << list;
    };
    expect(0, "removed", outputs);
    if (kept.kept.size() > 1) expect(1, "removed_in", inputs);
  }
  EXPECT_EQ(outputs.size(), run.at("removed").size());
  EXPECT_EQ(inputs.size(), run.at("removed_in").size());
  compacted.model.graph = std::make_shared<const OperatorGraph>(std::move(shrunk.graph));
  EXPECT_EQ(count_model(golden.model()).parameters, run.at("params_before").get<std::int64_t>());
  EXPECT_EQ(count_model(compacted.model).parameters, run.at("params_after").get<std::int64_t>());
  return compacted;
}

NamedTensors compacted_tensors(const GoldenCase& golden, const std::string& name) {
  return compacted_network(golden, name).weights;
}

at::Tensor compacted_output(const GoldenCase& golden, const std::string& name) {
  const at::NoGradGuard no_grad;
  const CompactedNetwork compacted = compacted_network(golden, name);
  Network network(compacted.model, at::kCPU);
  network.set_weights(compacted.weights);
  return network.forward(golden.batch().inputs);
}

/// The whole network with our masks of the channels that go, or with those of their filters alone.
at::Tensor masked_output(const GoldenCase& golden, const std::string& name, bool filters_only) {
  const at::NoGradGuard no_grad;
  Network network = golden.network();
  NamedTensors masks = network.masks();
  const Granularity channel = parse_granularity("channel l2");
  for (const RemovedUnits& removed : torch_pruning_run(golden, name).removed) {
    std::vector<std::uint8_t> kept;
    for (const bool leaves : removed.leaves) kept.push_back(leaves ? 0 : 1);
    mask_units(removed.scope, channel, network, kept, false, masks);
  }
  if (filters_only) std::erase_if(masks, [](const auto& mask) { return mask.second.dim() == 1; });
  network.set_masks(masks);
  return network.forward(golden.batch().inputs);
}

NamedTensors importances_and_outputs(const GoldenCase& golden, const std::string& name) {
  const TorchPruningRun run = torch_pruning_run(golden, name);
  NamedTensors results;
  for (std::size_t i = 0; i < run.roots.size(); ++i)
    results.emplace_back("importance." + run.roots[i], run.importances[i]);
  results.emplace_back("out", compacted_output(golden, name));
  results.emplace_back("masked_out", masked_output(golden, name, false));
  return results;
}

/// Wrong on purpose: the norms of what goes still shift.
NamedTensors filters_only_output(const GoldenCase& golden, const std::string& name) {
  const at::Tensor output = masked_output(golden, name, true);
  const at::Tensor& right = golden.tensor("tp." + name + ".masked_out");
  EXPECT_GT(output.sub(right).abs().max().item<double>(), 1e-3);
  return {{"", output}};
}

}  // namespace

GoldenTable golden_torch_pruning() {
  return {
      {"tp", {1e-5, importances_and_outputs}},
      {"tp.param", {0, compacted_tensors}},
      {"tp.buffer", {0, compacted_tensors}},
      {"tp.filters_only_masked_out", {1e-5, filters_only_output}},
  };
}

}  // namespace espalier
