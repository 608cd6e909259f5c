#include "worker/pruning/prune_network.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/rounded_share.h"
#include "base/suggest.h"
#include "experiments/catalog/catalog.h"
#include "experiments/pruning/prune_scopes.h"
#include "worker/criteria/criterion.h"
#include "worker/pruning/scope_units.h"
#include "worker/pruning/shrunk_scores.h"
#include "worker/selection/group_selection.h"
#include "worker/selection/mask_stream.h"
#include "worker/selection/ranking.h"
#include "worker/selection/selection.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

/// The units of all scopes with their scores, on the CPU, as selection takes them. What the spans point at is held
/// beside.
struct Ranking {
  std::vector<at::Tensor> tensors;
  std::deque<UnitScores> units;
  std::vector<ScoredLayer> scopes;

  void add(const std::string& name, const at::Tensor& scores, const at::Tensor& surviving) {
    const at::Tensor values = tensors.emplace_back(scores.to(at::kCPU).contiguous());
    const at::Tensor left = tensors.emplace_back(surviving.to(at::kCPU).contiguous());
    const auto count = static_cast<std::size_t>(values.numel());
    scopes.push_back({name, {values.data_ptr<float>(), count}, {left.data_ptr<std::uint8_t>(), count}});
  }
  void add(const std::string& name, UnitScores scores) {
    const UnitScores& held = units.emplace_back(std::move(scores));
    scopes.push_back({name, held.scores, held.surviving});
  }
  /// Takes other scores for the same units.
  void replace(std::size_t scope, std::vector<float> scores) {
    scopes[scope].scores = units.emplace_back(UnitScores{std::move(scores), {}}).scores;
  }
};

/// One prune of one network: what stays the same from round to round.
class PruneRun {
 public:
  PruneRun(Network& network, const PruneOrder& order)
      : network_(network),
        order_(order),
        granularity_(parse_granularity(order.spec.granularity)),
        criterion_(find_criterion(order.spec.criterion)),
        rule_(find_ranking(order.spec.ranking)),
        scopes_(prune_scopes(network.description(), granularity_, order.spec.criterion, order.spec.protect)),
        options_(default_options(criterion_)) {
    if (!order.spec.norms.empty() && order.spec.norms != "batch")
      throw Error(ErrorKind::invalid_input, "norms: " + unknown_name(order.spec.norms, {"batch"}));
    if (!order.spec.compute.empty() && order.spec.compute != kShrunk)
      throw Error(ErrorKind::invalid_input, "compute: " + unknown_name(order.spec.compute, {kShrunk}));
    for (const auto& [name, value] : order.spec.options) options_.insert_or_assign(name, value);
    refuse_large_network();
  }

  Pruned run() {
    if (criterion_.scores == CriterionScores::repairs_weights) {
      repair();
      return finish();
    }
    const auto rounds = options_.contains("rounds") ? static_cast<std::int64_t>(options_.at("rounds")) : 1;
    const std::vector<std::int64_t> before = rounds > 1 ? survivors() : std::vector<std::int64_t>{};
    for (std::int64_t round = 1; round < rounds; ++round) prune_to(target_of_round(before, round, rounds));
    prune_to(order_.target);
    return finish();
  }

  void each_alone(const std::vector<double>& sparsities, const std::function<void(const PrunedAlone&)>& visit) const {
    if (criterion_.scores == CriterionScores::repairs_weights || granularity_.kind == Kind::n_of_m) {
      throw Error(ErrorKind::invalid_input, "sensitivity: has no curve for " + order_.spec.criterion + " with " +
                                                order_.spec.granularity +
                                                ": neither weights that are repaired nor n:m have one");
    }
    const Ranking ranking = rank(score());
    const std::vector<std::int64_t> left = survivors();
    for (std::size_t scope = 0; scope < scopes_.size(); ++scope) {
      for (const double sparsity : sparsities) {
        // As the prune itself counts and selects.
        const std::int64_t rows = rule_.by_row ? scopes_[scope].rows : 1;
        const std::int64_t count =
            std::min(left[scope] / rows * rows, rows * rounded_share(scopes_[scope].units / rows, 1 - sparsity));
        const std::vector<std::uint8_t> kept = select_alone(ranking.scopes[scope], scopes_[scope], count);
        PrunedAlone alone{scopes_[scope].name, scopes_[scope].units, count, sparsity, network_.masks()};
        mask_units(scopes_[scope], granularity_, network_, kept, order_.spec.revive, alone.masks);
        visit(alone);
      }
    }
  }

  std::vector<std::int64_t> survivors() const {
    std::vector<std::int64_t> counts;
    for (const PruneScope& scope : scopes_) {
      counts.push_back(std::ranges::count(units_left(scope, granularity_, network_), 1));
    }
    return counts;
  }

 private:
  CriterionContext context() const {
    return {network_,
            order_.has_weights,
            order_.seed,
            order_.batches.count(),
            [this](std::int64_t index) { return order_.batches.batch(index); },
            options_,
            order_.spec.norms == "batch" ? Mode::batch_statistics : Mode::evaluate,
            order_.spec.draw};
  }

  void refuse_large_network() const {
    std::int64_t weights = 0;
    for (const PrunableWeight& layer : network_.prunable()) weights += layer.weight.numel();
    if (weights <= criterion_.most_weights) return;
    throw Error(ErrorKind::invalid_input, "prune.criterion: " + order_.spec.criterion + " takes networks of up to " +
                                              std::to_string(criterion_.most_weights) + " prunable weights, and " +
                                              network_.description().name + " has " + std::to_string(weights));
  }

  Scores score() const {
    return order_.spec.compute.empty() ? find_score(order_.spec.criterion)(context())
                                       : shrunk_scores(criterion_, context());
  }

  void repair() {
    RepairOrder order{{}, order_.target, granularity_};
    for (const PruneScope& scope : scopes_) order.layers.push_back(index_of(scope));
    find_repair(order_.spec.criterion)(context(), order);
  }

  void prune_to(const PruneTarget& target) {
    const KeepMasks kept = select(rank(score()), target);
    NamedTensors masks = network_.masks();
    for (std::size_t scope = 0; scope < scopes_.size(); ++scope) {
      mask_units(scopes_[scope], granularity_, network_, kept[scope], order_.spec.revive, masks);
    }
    network_.set_masks(masks);
  }

  std::vector<std::uint8_t> select_alone(const ScoredLayer& layer, const PruneScope& scope, std::int64_t kept) const {
    if (rule_.by_row) return select_per_row(layer, scope.rows, kept, rules());
    return select_kept({layer}, {kept, {kept}}, rules()).front();
  }

  KeepMasks select(const Ranking& ranking, const PruneTarget& target) const {
    const bool groups = granularity_.kind == Kind::n_of_m;
    if (!groups && !rule_.by_row) return select_kept(ranking.scopes, target, rules());
    KeepMasks kept;
    for (std::size_t scope = 0; scope < scopes_.size(); ++scope) {
      const ScoredLayer& layer = ranking.scopes[scope];
      if (groups) {
        kept.push_back(select_n_of_m(layer, layer_of(scopes_[scope], network_).mask.sizes(), granularity_.kept,
                                     granularity_.of, rules()));
      } else {
        kept.push_back(select_per_row(layer, scopes_[scope].rows, target.layer_kept.at(scope), rules()));
      }
    }
    return kept;
  }

  SelectionRules rules() const { return {parse_ties(order_.spec.ties), order_.spec.revive, unit_name()}; }

  std::string_view unit_name() const { return counts_weights(granularity_) ? "weight" : "unit"; }

  std::size_t index_of(const PruneScope& scope) const {
    return static_cast<std::size_t>(&layer_of(scope, network_) - network_.prunable().data());
  }

  Ranking rank(const Scores& scores) const {
    Ranking ranking;
    for (const PruneScope& scope : scopes_) {
      if (counts_weights(granularity_)) {
        ranking.add(scope.name, scores.at(index_of(scope)), layer_of(scope, network_).mask.to(at::kByte));
        continue;
      }
      UnitScores units = score_units(scope, granularity_, network_, scores);
      // Reduced random numbers would rank units by their size; a unit draws one of its own.
      if (criterion_.scores == CriterionScores::draws_scores) units.scores = random_units(scope, ranking.scopes.size());
      ranking.add(scope.name, std::move(units));
    }
    make_comparable(ranking);
    return ranking;
  }

  void make_comparable(Ranking& ranking) const {
    if (rule_.comparable == nullptr) return;
    for (std::size_t scope = 0; scope < scopes_.size(); ++scope)
      ranking.replace(scope, rule_.comparable(ranking.scopes[scope]));
  }

  std::vector<float> random_units(const PruneScope& scope, std::size_t index) const {
    RandomStream random(order_.seed, mask_stream(order_.spec.draw), index);
    std::vector<float> drawn;
    for (std::int64_t unit = 0; unit < scope.units; ++unit) drawn.push_back(static_cast<float>(random.uniform()));
    return drawn;
  }

  PruneTarget target_of_round(const std::vector<std::int64_t>& before, std::int64_t round, std::int64_t rounds) const {
    const double progress = static_cast<double>(round) / static_cast<double>(rounds);
    const double density = options_.contains("density") ? options_.at("density") : 0;
    const auto between = [&](std::int64_t from, std::int64_t to) {
      const auto start = static_cast<double>(from);
      if (from <= to) return to;
      if (density > 0) return std::max(to, from - static_cast<std::int64_t>((1 - std::pow(density, progress)) * start));
      return std::max(
          to, static_cast<std::int64_t>(std::ceil(start * std::pow(static_cast<double>(to) / start, progress))));
    };
    PruneTarget target;
    if (order_.target.layer_kept.empty()) {
      target = order_.target;
      target.layer_most.clear();
      std::vector<std::int64_t> all(std::max<std::size_t>(1, target.ranking_kept.size()), 0);
      for (std::size_t scope = 0; scope < before.size(); ++scope)
        all.at(target.layer_ranking.empty() ? 0 : static_cast<std::size_t>(target.layer_ranking.at(scope))) +=
            before[scope];
      for (std::size_t i = 0; i < target.ranking_kept.size(); ++i)
        target.ranking_kept[i] = between(all[i], target.ranking_kept[i]);
      target.total_kept = target.ranking_kept.empty() ? between(all[0], target.total_kept)
                                                      : std::accumulate(target.ranking_kept.begin(),
                                                                        target.ranking_kept.end(), std::int64_t{0});
      return target;
    }
    for (std::size_t scope = 0; scope < before.size(); ++scope) {
      const std::int64_t rows = rule_.by_row ? scopes_[scope].rows : 1;
      target.layer_kept.push_back(rows * between(before[scope] / rows, order_.target.layer_kept.at(scope) / rows));
      target.total_kept += target.layer_kept.back();
    }
    return target;
  }

  /// Weights to keep, where the count of a scope says it for its one layer; -1 where it does not.
  std::int64_t requested(const PrunableWeight& layer) const {
    const auto scope = std::ranges::find(scopes_, layer.layer, &PruneScope::name);
    if (scope != scopes_.end() && granularity_.kind == Kind::n_of_m)
      return layer.mask.numel() / granularity_.of * granularity_.kept;
    const bool counts_are_per_layer =
        granularity_.kind == Kind::weight || granularity_.kind == Kind::row || granularity_.kind == Kind::filter;
    if (scope == scopes_.end() || !counts_are_per_layer || order_.target.layer_kept.empty()) return -1;
    const std::int64_t units = order_.target.layer_kept.at(static_cast<std::size_t>(scope - scopes_.begin()));
    return units * (scope->weights / scope->units);
  }

  Pruned finish() const {
    Pruned pruned{network_.masks(), {}, {}};
    for (const PrunableWeight& layer : network_.prunable()) {
      const auto kept = layer.mask.sum(at::kLong).item<std::int64_t>();
      pruned.layers.push_back({layer.layer, layer.mask.numel(), requested(layer), kept});
      // A block that is removed is empty by intention.
      if (kept == 0 && granularity_.kind != Kind::layer) pruned.emptied.push_back(layer.layer);
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
  const RankingRule& rule_;
  const std::vector<PruneScope> scopes_;
  std::map<std::string, double> options_;
};

}  // namespace

Pruned prune_network(Network& network, const PruneOrder& order) {
  return PruneRun(network, order).run();
}

void prune_each_alone(Network& network, const PruneOrder& order, const std::vector<double>& sparsities,
                      const std::function<void(const PrunedAlone&)>& visit) {
  PruneRun(network, order).each_alone(sparsities, visit);
}

std::vector<std::int64_t> surviving_units(Network& network, const PruneOrder& order) {
  return PruneRun(network, order).survivors();
}

}  // namespace espalier
