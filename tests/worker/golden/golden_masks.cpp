#include <algorithm>
#include <cmath>
#include <functional>

#include <ATen/ops/tensor.h>

#include "experiments/pruning/prune_scopes.h"
#include "tests/worker/golden/golden_case.h"
#include "worker/pruning/prune_network.h"
#include "worker/selection/group_selection.h"
#include "worker/selection/ranking.h"
#include "worker/selection/selection.h"
#include "worker/selection/unit_grid.h"

// Masks under each program's rule for how many weights go: by prune_network where the criterion needs no data, else by
// its scores and our selections. README.md of the golden folder states the rules; the counts are written out here so
// that they stand beside the masks that prove them.

namespace espalier {
namespace {

/// Scores of prunable weights, on the CPU, as selections take them.
class Scored {
 public:
  explicit Scored(NamedTensors scores) : scores_(std::move(scores)) {
    for (auto& [name, score] : scores_) {
      score = score.detach().to(at::kFloat).contiguous();
      const auto count = static_cast<std::size_t>(score.numel());
      layers.push_back({name, {score.data_ptr<float>(), count}, {}});
    }
  }
  Scored(const Scored&) = delete;
  Scored& operator=(const Scored&) = delete;

  std::vector<ScoredLayer> layers;
  const at::Tensor& score(std::size_t layer) const { return scores_[layer].second; }
  std::int64_t total() const {
    std::int64_t sum = 0;
    for (const ScoredLayer& layer : layers) sum += static_cast<std::int64_t>(layer.scores.size());
    return sum;
  }
  NamedTensors masks(const KeepMasks& kept) const {
    NamedTensors named;
    for (std::size_t i = 0; i < kept.size(); ++i)
      named.emplace_back(scores_[i].first, at::tensor(kept[i], at::kByte).view(scores_[i].second.sizes()));
    return named;
  }

 private:
  NamedTensors scores_;
};

/// Python's round: half to even.
std::int64_t round_half_even(double value) {
  return static_cast<std::int64_t>(std::nearbyint(value));
}

NamedTensors keep_total(const Scored& scored, std::int64_t kept, Ties ties = Ties::first) {
  return scored.masks(select_kept(scored.layers, {kept, {}, {}, {}}, {ties, false, "weight"}));
}

/// Pruned as a stage prunes, by a criterion without data.
NamedTensors pruned(Network& network, const PruneSpec& spec, const PruneTarget& target) {
  const PruneBatches none(spec, nullptr, 0, 0, at::kCPU);
  return prune_network(network, {spec, target, 0, true, none}).masks;
}
PruneSpec spec_of(const char* criterion, const char* granularity = "weight") {
  PruneSpec spec;
  spec.criterion = criterion;
  spec.granularity = granularity;
  return spec;
}
NamedTensors keep_of_all(const GoldenCase& golden, const PruneSpec& spec,
                         const std::function<std::int64_t(std::int64_t)>& kept) {
  Network network = golden.network();
  PruneTarget target;
  target.total_kept = kept(count_model(golden.model()).prunable);
  return pruned(network, spec, target);
}
/// Of each scope as many units as `kept` says of how many it has.
NamedTensors keep_of_each(const GoldenCase& golden, const PruneSpec& spec,
                          const std::function<std::int64_t(std::int64_t)>& kept) {
  Network network = golden.network();
  PruneTarget target;
  for (const PruneScope& scope :
       prune_scopes(golden.model(), parse_granularity(spec.granularity), spec.criterion, spec.protect)) {
    target.layer_kept.push_back(kept(scope.units));
    target.total_kept += target.layer_kept.back();
  }
  return pruned(network, spec, target);
}
/// Layers that a scheme leaves out.
std::vector<std::string> layers_where(const GoldenCase& golden, const std::function<bool(const PrunableLayer&)>& left) {
  std::vector<std::string> names;
  for (const PrunableLayer& layer : prunable_layers(golden.model())) {
    if (left(layer)) names.push_back(layer.name);
  }
  return names;
}

/// torch.nn.utils.prune: round(amount * n) go, over all tensors or in each.
std::int64_t torch_kept(std::int64_t count, const std::string& sparsity) {
  return count - round_half_even(std::stod(sparsity) * static_cast<double>(count));
}
NamedTensors global_magnitude(const GoldenCase& golden, const std::string& sparsity) {
  return keep_of_all(golden, spec_of("magnitude"), [&](std::int64_t all) { return torch_kept(all, sparsity); });
}
NamedTensors layer_magnitude(const GoldenCase& golden, const std::string& sparsity) {
  return keep_of_each(golden, spec_of("magnitude"), [&](std::int64_t all) { return torch_kept(all, sparsity); });
}
auto structured(const char* granularity) {
  return [=](const GoldenCase& golden, const std::string& sparsity) {
    return keep_of_each(golden, spec_of("magnitude", granularity),
                        [&](std::int64_t filters) { return torch_kept(filters, sparsity); });
  };
}

/// JaxPruner keeps max(1, round(blocks * (1 - s))) of a layer's blocks; of Linear layers here.
PruneSpec linear_blocks(const GoldenCase& golden) {
  PruneSpec spec = spec_of("magnitude", "block 4x4 mean");
  spec.protect = layers_where(golden, [](const PrunableLayer& layer) { return layer.is_conv(); });
  return spec;
}
NamedTensors blocks_jaxpruner(const GoldenCase& golden, const std::string& sparsity) {
  return keep_of_each(golden, linear_blocks(golden), [&](std::int64_t blocks) {
    return std::max<std::int64_t>(1, round_half_even(static_cast<double>(blocks) * (1 - std::stod(sparsity))));
  });
}
NamedTensors blocks_round_pruned(const GoldenCase& golden, const std::string& sparsity) {
  return keep_of_each(golden, linear_blocks(golden), [&](std::int64_t blocks) { return torch_kept(blocks, sparsity); });
}

NamedTensors magnitude_2of4(const GoldenCase& golden, const std::string&) {
  PruneSpec spec = spec_of("magnitude", "2:4");
  spec.protect =
      layers_where(golden, [](const PrunableLayer& layer) { return layer.is_conv() || layer.shape[1] % 4 != 0; });
  return keep_of_each(golden, spec, [](std::int64_t all) { return all / 2; });
}

/// OpenLTH, level after level: n = ceil(rate * left), all up to sorted[n] go: n + 1 weights. The rate is the golden
/// vectors' (schedules.json).
NamedTensors open_lth(const GoldenCase& golden, const std::string& level, bool retrained) {
  constexpr double kRate = 0.2;
  Network network = golden.network();
  PruneSpec spec = spec_of("magnitude");
  spec.ties = "drop";
  PruneTarget target{count_model(golden.model()).prunable, {}, {}, {}};
  for (int i = 1; i <= std::stoi(level.substr(5)); ++i) {
    NamedTensors weights = network.weights();
    for (auto& [name, weight] : weights) {
      const std::string trained = "param_level" + std::to_string(i) + "." + name;
      if (retrained && golden.has(trained)) weight = golden.tensor(trained);
    }
    network.set_weights(weights);
    target.total_kept -= static_cast<std::int64_t>(std::ceil(kRate * static_cast<double>(target.total_kept))) + 1;
    pruned(network, spec, target);
  }
  return network.masks();
}

/// Lee et al.: round((1 - s) N) stay by LAMP score.
NamedTensors lamp_scored(const GoldenCase& golden, const std::string&) {
  const Scored scored(golden_scores(golden, "magnitude"));
  NamedTensors named;
  for (std::size_t i = 0; i < scored.layers.size(); ++i) {
    named.emplace_back(scored.layers[i].name, at::tensor(lamp_scores(scored.layers[i])).view(scored.score(i).sizes()));
  }
  return named;
}
NamedTensors lamp_global(const GoldenCase& golden, const std::string& sparsity) {
  PruneSpec spec = spec_of("magnitude");
  spec.ranking = "lamp";
  return keep_of_all(golden, spec, [&](std::int64_t all) {
    return round_half_even(static_cast<double>(all) * (1 - std::stod(sparsity)));
  });
}

/// Synaptic-Flow: int((1 - density) N) go, equals of the last with them.
std::int64_t synaptic_flow_kept(std::int64_t all, double density) {
  return all - static_cast<std::int64_t>((1 - density) * static_cast<double>(all));
}
double density_of(const std::string& sparsity) {
  return std::round((1 - std::stod(sparsity)) * 1e6) / 1e6;
}
auto synaptic_flow(const char* criterion) {
  return [criterion](const GoldenCase& golden, const std::string& sparsity) {
    const Scored scored(golden_scores(golden, criterion));
    return keep_total(scored, synaptic_flow_kept(scored.total(), density_of(sparsity)), Ties::drop);
  };
}
/// In rounds inside one prune, the density falling exponentially.
auto synaptic_flow_rounds(double rounds) {
  return [rounds](const GoldenCase& golden, const std::string& sparsity) {
    PruneSpec spec = spec_of("synflow");
    spec.ties = "drop";
    spec.options = {{"rounds", rounds}, {"density", density_of(sparsity)}};
    return keep_of_all(golden, spec, [&](std::int64_t all) { return synaptic_flow_kept(all, density_of(sparsity)); });
  };
}

/// Wanda: of each row the lowest int(columns * s) go.
NamedTensors per_row(const Scored& scored, double sparsity) {
  KeepMasks kept;
  for (std::size_t i = 0; i < scored.layers.size(); ++i) {
    const std::int64_t rows = scored.score(i).size(0), columns = scored.score(i).numel() / rows;
    const auto gone = static_cast<std::int64_t>(static_cast<double>(columns) * sparsity);
    kept.push_back(select_per_row(scored.layers[i], rows, rows * (columns - gone), {}));
  }
  return scored.masks(kept);
}
/// Of every 4 inputs the 2 lowest go; of layers whose inputs 4 divides.
NamedTensors two_of_four(const NamedTensors& scores) {
  NamedTensors fitting;
  for (const auto& [name, score] : scores) {
    if (score.size(1) % 4 == 0) fitting.emplace_back(name, score);
  }
  const Scored scored(fitting);
  KeepMasks kept;
  for (std::size_t i = 0; i < scored.layers.size(); ++i)
    kept.push_back(select_n_of_m(scored.layers[i], scored.score(i).sizes().vec(), 2, 4));
  return scored.masks(kept);
}
NamedTensors wanda_row(const GoldenCase& golden, const std::string& sparsity) {
  return per_row(Scored(golden_scores(golden, "wanda")), std::stod(sparsity));
}

/// Wanda block after block, each scored with what the pruned blocks before it give.
NamedTensors wanda_blocks(const GoldenCase& golden, const std::function<NamedTensors(const NamedTensors&)>& select) {
  Network network = golden.network();
  const CriterionContext context = golden.context(network, "wanda");
  NamedTensors masks = network.masks();
  for (int block = 0; golden.has("param.blocks." + std::to_string(block) + ".ln1.weight"); ++block) {
    const std::string prefix = "blocks." + std::to_string(block) + ".";
    NamedTensors scores;
    for (const auto& entry : by_parameter(network, score_wanda(context))) {
      if (entry.first.starts_with(prefix)) scores.push_back(entry);
    }
    for (const auto& [name, mask] : select(scores)) {
      std::find_if(masks.begin(), masks.end(), [&, &wanted = name](const auto& entry) {
        return entry.first == wanted;
      })->second = mask;
    }
    network.set_masks(masks);
  }
  return masks;
}
NamedTensors wanda_sequential(const GoldenCase& golden, const std::string& sparsity) {
  return wanda_blocks(golden, [&](const NamedTensors& scores) { return per_row(Scored(scores), std::stod(sparsity)); });
}

/// Units of a layer by their reduced magnitudes: name, grid, scores [units].
struct UnitLayer {
  std::string name;
  UnitGrid grid;
  std::vector<std::int64_t> shape;
  std::vector<float> scores;
};
std::vector<UnitLayer> units(const GoldenCase& golden, const std::string& granularity, std::int64_t dimensions) {
  const Scored scored(golden_scores(golden, "magnitude"));
  const Granularity kind = parse_granularity(granularity);
  std::vector<UnitLayer> all;
  for (std::size_t i = 0; i < scored.layers.size(); ++i) {
    if (scored.score(i).dim() != dimensions) continue;
    const std::vector<std::int64_t> shape = scored.score(i).sizes().vec();
    const UnitGrid grid = unit_grid(shape, kind);
    UnitReducer reducer(grid.units(), kind.reduction);
    reducer.add(scored.layers[i], grid);
    all.push_back({scored.layers[i].name, grid, shape, reducer.scores()});
  }
  return all;
}
auto unit_scores(const char* granularity, std::int64_t dimensions) {
  return [=](const GoldenCase& golden, const std::string&) {
    NamedTensors named;
    for (const UnitLayer& layer : units(golden, granularity, dimensions)) {
      at::Tensor scores = at::tensor(layer.scores);
      if (dimensions == 2) scores = scores.view({-1, layer.grid.units_across()});
      named.emplace_back(layer.name, scores);
    }
    return named;
  };
}
NamedTensors retrained_weights(const GoldenCase& golden, const char* level) {
  return golden.under(std::string(level) + ".");
}

}  // namespace

GoldenTable golden_masks() {
  const auto of = [](double tolerance, auto compute) { return GoldenEntry{tolerance, compute}; };
  const auto level = [&](const char* name) {
    return of(0, [=](const GoldenCase& golden, const std::string&) { return retrained_weights(golden, name); });
  };
  return {
      {"mask.global_magnitude", of(0, global_magnitude)},
      {"mask.layer_magnitude", of(0, layer_magnitude)},
      {"score.lamp", of(1e-4, lamp_scored)},
      {"mask.lamp_global", of(0, lamp_global)},
      {"mask.synflowrepo_snip_global", of(0, synaptic_flow("snip"))},
      {"mask.synflowrepo_grasp_global", of(0, synaptic_flow("grasp"))},
      {"mask.synflowrepo_synflow_oneshot_global", of(0, synaptic_flow_rounds(1))},
      {"mask.synflowrepo_synflow_iter100_global", of(0, synaptic_flow_rounds(100))},
      {"mask.open_lth",
       of(0, [](const GoldenCase& golden, const std::string& at) { return open_lth(golden, at, false); })},
      {"mask.open_lth_retrained",
       of(0, [](const GoldenCase& golden, const std::string& at) { return open_lth(golden, at, true); })},
      {"param_level1", level("param_level1")},
      {"param_level2", level("param_level2")},
      {"param_level3", level("param_level3")},
      {"mask.wanda_row", of(0, wanda_row)},
      {"mask.wanda_2of4",
       of(0, [](const GoldenCase& golden, const std::string&) { return two_of_four(golden_scores(golden, "wanda")); })},
      {"mask.magnitude_2of4", of(0, magnitude_2of4)},
      {"mask.wanda_sequential", of(0, wanda_sequential)},
      {"mask.wanda_sequential_2of4",
       of(0, [](const GoldenCase& golden, const std::string&) { return wanda_blocks(golden, two_of_four); })},
      {"score.block4x4_mean_abs", of(1e-5, unit_scores("block 4x4 mean", 2))},
      {"mask.block4x4_jaxpruner", of(0, blocks_jaxpruner)},
      {"mask.block4x4_roundpruned", of(0, blocks_round_pruned)},
      {"score.filter_l1", of(1e-5, unit_scores("filter l1", 4))},
      {"score.filter_l2", of(1e-5, unit_scores("filter l2", 4))},
      {"mask.conv_l1_structured", of(0, structured("filter l1"))},
      {"mask.conv_l2_structured", of(0, structured("filter l2"))},
  };
}

}  // namespace espalier
