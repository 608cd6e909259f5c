#include "worker/prune_network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/random.h"
#include "experiments/catalog.h"
#include "experiments/prune_scopes.h"
#include "worker/criterion.h"
#include "worker/scope_units.h"
#include "worker/selection.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

/// The units of all scopes with their scores, on the CPU, as selection takes them. `held` keeps what the spans point
/// at.
struct Ranking {
  std::vector<at::Tensor> held;
  std::vector<ScoredLayer> scopes;

  void add(const std::string& name, const at::Tensor& scores, const at::Tensor& surviving) {
    const at::Tensor values = held.emplace_back(scores.to(at::kCPU).contiguous());
    const at::Tensor left = held.emplace_back(surviving.to(at::kCPU).contiguous());
    const auto count = static_cast<std::size_t>(values.numel());
    scopes.push_back({name, {values.data_ptr<float>(), count}, {left.data_ptr<std::uint8_t>(), count}});
  }
};

/// One prune of one network: what stays the same from round to round.
class PruneRun {
 public:
  PruneRun(Network& network, const PruneOrder& order)
      : network_(network),
        order_(order),
        granularity_(parse_granularity(order.spec.granularity)),
        criterion_(espalier::find_criterion(std::string_view(order.spec.criterion))),
        scopes_(prune_scopes(network.description(), granularity_, order.spec.criterion, order.spec.protect)),
        options_(default_options(criterion_)) {
    for (const auto& [name, value] : order.spec.options) options_.insert_or_assign(name, value);
  }

  Pruned run() {
    const auto rounds = options_.contains("rounds") ? static_cast<std::int64_t>(options_.at("rounds")) : 1;
    const std::vector<std::int64_t> before = rounds > 1 ? survivors() : std::vector<std::int64_t>{};
    for (std::int64_t round = 1; round < rounds; ++round) prune_to(target_of_round(before, round, rounds));
    prune_to(order_.target);
    return finish();
  }

 private:
  Scores score() const {
    const CriterionContext context{network_,
                                   order_.has_weights,
                                   order_.seed,
                                   order_.batches.count(),
                                   [this](std::int64_t index) { return order_.batches.batch(index); },
                                   options_};
    return find_criterion(order_.spec.criterion)(context);
  }

  void prune_to(const PruneTarget& target) {
    const KeepMasks kept = select_kept(rank(score()).scopes, target, rules());
    NamedTensors masks = network_.masks();
    for (std::size_t scope = 0; scope < scopes_.size(); ++scope) {
      mask_scope(scopes_[scope], at::tensor(kept[scope], at::kByte), masks);
    }
    network_.set_masks(masks);
  }

  SelectionRules rules() const { return {parse_ties(order_.spec.ties), order_.spec.revive, unit_name()}; }

  std::string_view unit_name() const { return granularity_.kind == Kind::weight ? "weight" : "unit"; }

  const PrunableWeight& layer_of(const PruneScope& scope) const {
    const auto& prunable = network_.prunable();
    return *std::find_if(prunable.begin(), prunable.end(), [&](const auto& one) { return one.layer == scope.name; });
  }

  std::size_t index_of(const PruneScope& scope) const {
    return static_cast<std::size_t>(&layer_of(scope) - network_.prunable().data());
  }

  Ranking rank(const Scores& scores) const {
    Ranking ranking;
    for (const PruneScope& scope : scopes_) {
      if (granularity_.kind == Kind::weight) {
        ranking.add(scope.name, scores.at(index_of(scope)), layer_of(scope).mask.to(at::kByte));
        continue;
      }
      UnitScores units = score_units(scope, granularity_, network_, scores);
      // Reduced random numbers would rank units by their size; a unit draws one of its own.
      if (order_.spec.criterion == "random") units.scores = random_units(scope, ranking.scopes.size());
      ranking.add(scope.name, units.scores, units.surviving);
    }
    return ranking;
  }

  at::Tensor random_units(const PruneScope& scope, std::size_t index) const {
    RandomStream random(order_.seed, "mask", index);
    at::Tensor drawn = at::empty({scope.units}, at::kFloat);
    for (std::int64_t unit = 0; unit < scope.units; ++unit) {
      drawn.data_ptr<float>()[unit] = static_cast<float>(random.uniform());
    }
    return drawn;
  }

  void mask_scope(const PruneScope& scope, const at::Tensor& kept, NamedTensors& masks) const {
    if (granularity_.kind != Kind::weight) {
      mask_units(scope, granularity_, network_, kept, order_.spec.revive, masks);
      return;
    }
    const PrunableWeight& layer = layer_of(scope);
    const auto mask =
        std::find_if(masks.begin(), masks.end(), [&](const auto& entry) { return entry.first == layer.parameter; });
    mask->second = kept.view(layer.mask.sizes()).to(layer.mask.device());
  }

  std::vector<std::int64_t> survivors() const {
    std::vector<std::int64_t> counts;
    for (const PruneScope& scope : scopes_) {
      if (granularity_.kind == Kind::weight) {
        counts.push_back(layer_of(scope).mask.sum(at::kLong).item<std::int64_t>());
      } else {
        counts.push_back(score_units(scope, granularity_, network_, Scores(network_.prunable().size()))
                             .surviving.sum()
                             .item<std::int64_t>());
      }
    }
    return counts;
  }

  PruneTarget target_of_round(const std::vector<std::int64_t>& before, std::int64_t round, std::int64_t rounds) const {
    const double progress = static_cast<double>(round) / static_cast<double>(rounds);
    const auto between = [&](std::int64_t from, std::int64_t to) {
      const auto start = static_cast<double>(from);
      return std::max(
          to, static_cast<std::int64_t>(std::llround(start * std::pow(static_cast<double>(to) / start, progress))));
    };
    PruneTarget target;
    if (order_.target.layer_kept.empty()) {
      std::int64_t all = 0;
      for (const std::int64_t count : before) all += count;
      target.total_kept = between(all, order_.target.total_kept);
      target.layer_least = order_.target.layer_least;
      return target;
    }
    for (std::size_t scope = 0; scope < before.size(); ++scope) {
      target.layer_kept.push_back(between(before[scope], order_.target.layer_kept.at(scope)));
      target.total_kept += target.layer_kept.back();
    }
    return target;
  }

  /// Weights to keep, where the count of a scope says it for its one layer; -1 where it does not.
  std::int64_t requested(const PrunableWeight& layer) const {
    const auto scope = std::ranges::find(scopes_, layer.layer, &PruneScope::name);
    const bool tells =
        granularity_.kind == Kind::weight || granularity_.kind == Kind::row || granularity_.kind == Kind::filter;
    if (scope == scopes_.end() || !tells || order_.target.layer_kept.empty()) return -1;
    const std::int64_t units = order_.target.layer_kept.at(static_cast<std::size_t>(scope - scopes_.begin()));
    return units * (scope->weights / scope->units);
  }

  Pruned finish() const {
    Pruned pruned{network_.masks(), {}, {}};
    for (const PrunableWeight& layer : network_.prunable()) {
      const auto kept = layer.mask.sum(at::kLong).item<std::int64_t>();
      pruned.layers.push_back({layer.layer, layer.mask.numel(), requested(layer), kept});
      if (kept == 0) pruned.emptied.push_back(layer.layer);
    }
    if (order_.spec.refuse_empty && !pruned.emptied.empty()) refuse_emptied(pruned.emptied);
    return pruned;
  }

  [[noreturn]] static void refuse_emptied(const std::vector<std::string>& layers) {
    std::string names;
    for (const std::string& layer : layers) names += (names.empty() ? "" : ", ") + layer;
    throw Error(ErrorKind::numeric,
                "pruning left nothing of " + names +
                    ", and the sweep refuses emptied layers; set min_kept, protect them, or prune less");
  }

  Network& network_;
  const PruneOrder& order_;
  const Granularity granularity_;
  const CriterionEntry& criterion_;
  const std::vector<PruneScope> scopes_;
  std::map<std::string, double> options_;
};

}  // namespace

Pruned prune_network(Network& network, const PruneOrder& order) {
  return PruneRun(network, order).run();
}

}  // namespace espalier
