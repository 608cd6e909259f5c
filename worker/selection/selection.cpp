#include "worker/selection/selection.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "experiments/pruning/aligned_counts.h"
#include "worker/selection/selection_kernels.h"

namespace espalier {
namespace {

using Masks = std::span<std::vector<std::uint8_t>>;

/// Everything above the score stays, and of its equals those numbered skip .. skip + take - 1 in order.
struct Cut {
  float score = 0;
  std::int64_t equals = 0;
  std::int64_t skip = 0, take = 0;
};

void mark_by_hand(const float* scores, const std::uint8_t* surviving, std::size_t count, Cut& cut, std::uint8_t* mask) {
  for (std::size_t i = 0; i < count; ++i) {
    if (surviving && !surviving[i]) continue;
    bool stays = scores[i] > cut.score;
    if (scores[i] == cut.score) {
      if (cut.skip > 0) {
        --cut.skip;
      } else if (cut.take > 0) {
        --cut.take;
        stays = true;
      }
    }
    mask[i] = stays;
  }
}

/// Only the block in which skipping or taking begins or ends is read element by element. Advances `cut`.
void mark(const float* scores, const std::uint8_t* surviving, std::size_t count, Cut& cut, std::uint8_t* mask) {
  if (cut.take == 0 || cut.take == cut.equals)
    return keep_above(scores, surviving, count, cut.score, cut.take > 0, mask);
  const auto equals = static_cast<std::int64_t>(count_equal(scores, surviving, count, cut.score));
  if (equals <= cut.skip) {
    cut.skip -= equals;
    keep_above(scores, surviving, count, cut.score, false, mask);
  } else if (cut.skip == 0 && equals <= cut.take) {
    cut.take -= equals;
    keep_above(scores, surviving, count, cut.score, true, mask);
  } else {
    mark_by_hand(scores, surviving, count, cut, mask);
  }
}

void mark(std::span<const ScoredLayer> layers, Cut cut, Masks masks) {
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const ScoredLayer& scored = layers[layer];
    for (std::size_t i = 0; i < scored.scores.size(); i += kScoreBlock) {
      mark(scored.scores.data() + i, scored.surviving.empty() ? nullptr : scored.surviving.data() + i,
           std::min(kScoreBlock, scored.scores.size() - i), cut, masks[layer].data() + i);
    }
  }
}

Cut find_cut(std::span<const ScoredLayer> layers, std::int64_t kept, std::int64_t survivors,
             const SelectionRules& rules) {
  const Threshold edge = find_threshold(layers, kept + (rules.ties == Ties::drop), survivors, rules.unit);
  const std::int64_t wanted = kept - edge.above;
  switch (rules.ties) {
    case Ties::first:
      return {edge.score, edge.equals, 0, wanted};
    case Ties::last:
      return {edge.score, edge.equals, edge.equals - wanted, wanted};
    case Ties::drop:
      return {edge.score, edge.equals, 0, 0};
    case Ties::keep:
      return {edge.score, edge.equals, 0, edge.equals};
  }
  return {};
}

void select_together(std::span<const ScoredLayer> layers, std::int64_t kept, const SelectionRules& rules, Masks masks) {
  const std::int64_t survivors = count_survivors(layers);
  if (kept < 0 || kept > survivors) {
    throw Error(ErrorKind::invalid_input, "cannot keep " + std::to_string(kept) + " of the " +
                                              std::to_string(survivors) + " " + std::string(rules.unit) +
                                              "s that are left in " +
                                              (layers.size() == 1 ? "layer " + layers[0].name : "the network"));
  }
  if (kept > 0 && kept < survivors) return mark(layers, find_cut(layers, kept, survivors, rules), masks);
  require_no_nan(layers, rules.unit);
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const auto& surviving = layers[layer].surviving;
    for (std::size_t i = 0; i < masks[layer].size(); ++i)
      masks[layer][i] = kept > 0 && (surviving.empty() || surviving[i]);
  }
}

/// layer_least and layer_most of a ranking of all layers: which number each layer keeps in the end.
class BoundedRanking {
 public:
  BoundedRanking(std::span<const ScoredLayer> layers, const PruneTarget& target, const SelectionRules& rules,
                 Masks masks)
      : layers_(layers), target_(target), rules_(rules), masks_(masks), fixed_(layers.size(), false) {
    check();
  }

  /// With all counts as a common threshold would give them, clamping adds what is missing below the leasts and takes
  /// what is too much above the mosts. If it adds more than it takes, the threshold that holds the total is higher, and
  /// layers below their least stay so: those are final. Otherwise those above their mosts are. So every round fixes
  /// at least one layer as the true threshold would.
  void run() {
    std::int64_t total = target_.total_kept;
    for (;;) {
      std::vector<std::size_t> below, above;
      const auto [missing, excess] = rank_free(total, below, above);
      if (below.empty() && above.empty()) return;
      for (const std::size_t layer : missing >= excess ? below : above) {
        const std::int64_t count = missing >= excess ? least(layer) : most(layer);
        select_together(layers_.subspan(layer, 1), count, rules_, masks_.subspan(layer, 1));
        fixed_[layer] = true;
        total -= count;
      }
    }
  }

 private:
  std::int64_t least(std::size_t layer) const { return target_.layer_least.empty() ? 0 : target_.layer_least[layer]; }
  std::int64_t most(std::size_t layer) const {
    const std::int64_t survivors = count_survivors(layers_.subspan(layer, 1));
    return target_.layer_most.empty() ? survivors : std::min(survivors, target_.layer_most[layer]);
  }

  void check() const {
    if (rules_.ties == Ties::drop || rules_.ties == Ties::keep) {
      throw Error(ErrorKind::invalid_input,
                  "layer_least and layer_most hold counts, which ties \"drop\" and \"keep\" do not");
    }
    for (const auto& bounds : {target_.layer_least, target_.layer_most}) {
      if (!bounds.empty() && bounds.size() != layers_.size()) {
        throw Error(ErrorKind::invalid_input, "layer_least and layer_most need one number for each of the " +
                                                  std::to_string(layers_.size()) + " layers");
      }
    }
    std::int64_t leasts = 0, mosts = 0;
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      if (least(layer) < 0 || most(layer) < least(layer)) {
        throw Error(ErrorKind::invalid_input, "layer " + layers_[layer].name + " can keep at most " +
                                                  std::to_string(most(layer)) + " " + std::string(rules_.unit) +
                                                  "s, and " + std::to_string(least(layer)) + " are asked for at least");
      }
      leasts += least(layer);
      mosts += most(layer);
    }
    if (target_.total_kept < leasts || target_.total_kept > mosts) {
      throw Error(ErrorKind::invalid_input, "the bounds of the layers allow to keep " + std::to_string(leasts) +
                                                " to " + std::to_string(mosts) + " " + std::string(rules_.unit) +
                                                "s, not " + std::to_string(target_.total_kept));
    }
  }

  /// Ranks the layers that are not fixed; returns what all of `below` lack and `above` have too much.
  std::pair<std::int64_t, std::int64_t> rank_free(std::int64_t total, std::vector<std::size_t>& below,
                                                  std::vector<std::size_t>& above) {
    std::vector<ScoredLayer> free;
    std::vector<std::size_t> places;
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      if (fixed_[layer]) continue;
      free.push_back(layers_[layer]);
      places.push_back(layer);
    }
    std::vector<std::vector<std::uint8_t>> masks;
    for (const std::size_t layer : places) masks.push_back(std::move(masks_[layer]));
    select_together(free, total, rules_, masks);
    std::pair<std::int64_t, std::int64_t> off{0, 0};
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto kept = static_cast<std::int64_t>(count_set(masks[i].data(), masks[i].size()));
      if (const std::int64_t wanted = least(places[i]); kept < wanted) {
        below.push_back(places[i]);
        off.first += wanted - kept;
      } else if (const std::int64_t limit = most(places[i]); kept > limit) {
        above.push_back(places[i]);
        off.second += kept - limit;
      }
      masks_[places[i]] = std::move(masks[i]);
    }
    return off;
  }

  std::span<const ScoredLayer> layers_;
  const PruneTarget& target_;
  const SelectionRules& rules_;
  Masks masks_;
  std::vector<bool> fixed_;
};

void select_each(std::span<const ScoredLayer> layers, const PruneTarget& target, const SelectionRules& rules,
                 Masks masks) {
  const std::int64_t sum = std::accumulate(target.layer_kept.begin(), target.layer_kept.end(), std::int64_t{0});
  if (target.layer_kept.size() != layers.size() || sum != target.total_kept) {
    throw Error(ErrorKind::invalid_input, "the counts to keep (" + std::to_string(target.layer_kept.size()) +
                                              " layers, " + std::to_string(sum) + " " + std::string(rules.unit) +
                                              "s) do not fit the network's " + std::to_string(layers.size()) +
                                              " layers and the total of " + std::to_string(target.total_kept));
  }
  for (std::size_t layer = 0; layer < layers.size(); ++layer)
    select_together(layers.subspan(layer, 1), target.layer_kept[layer], rules, masks.subspan(layer, 1));
}

std::vector<std::int64_t> at_places(const std::vector<std::int64_t>& values, const std::vector<std::size_t>& places) {
  std::vector<std::int64_t> picked;
  for (std::size_t i = 0; !values.empty() && i < places.size(); ++i) picked.push_back(values[places[i]]);
  return picked;
}

void check_rankings(std::size_t layers, const PruneTarget& target) {
  const auto rankings = static_cast<std::int64_t>(target.ranking_kept.size());
  const bool exist =
      std::ranges::all_of(target.layer_ranking, [&](std::int64_t one) { return one >= 0 && one < rankings; });
  const std::int64_t sum = std::accumulate(target.ranking_kept.begin(), target.ranking_kept.end(), std::int64_t{0});
  if (target.layer_ranking.size() == layers && exist && sum == target.total_kept) return;
  throw Error(ErrorKind::invalid_input,
              "the rankings (" + std::to_string(rankings) + ", of " + std::to_string(target.layer_ranking.size()) +
                  " layers, " + std::to_string(sum) + " in all) do not fit the network's " + std::to_string(layers) +
                  " layers and the total of " + std::to_string(target.total_kept));
}

/// Each ranking by itself.
KeepMasks select_in_rankings(const std::vector<ScoredLayer>& layers, const PruneTarget& target,
                             const SelectionRules& rules) {
  check_rankings(layers.size(), target);
  KeepMasks masks(layers.size());
  for (std::size_t ranking = 0; ranking < target.ranking_kept.size(); ++ranking) {
    std::vector<std::size_t> places;
    std::vector<ScoredLayer> rivals;
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
      if (target.layer_ranking[layer] != static_cast<std::int64_t>(ranking)) continue;
      places.push_back(layer);
      rivals.push_back(layers[layer]);
    }
    PruneTarget part;
    part.total_kept = target.ranking_kept[ranking];
    part.layer_least = at_places(target.layer_least, places);
    part.layer_most = at_places(target.layer_most, places);
    part.layer_multiple = at_places(target.layer_multiple, places);
    KeepMasks kept = select_kept(rivals, part, rules);
    for (std::size_t i = 0; i < places.size(); ++i) masks[places[i]] = std::move(kept[i]);
  }
  return masks;
}

/// What each layer would keep of a ranking that knows no multiples, and then multiples next to that.
KeepMasks select_in_multiples(const std::vector<ScoredLayer>& layers, PruneTarget target, const SelectionRules& rules) {
  const std::vector<std::int64_t> multiples = std::exchange(target.layer_multiple, {});
  if (multiples.size() != layers.size() || std::ranges::any_of(multiples, [](std::int64_t one) { return one < 1; })) {
    throw Error(ErrorKind::invalid_input, "layer_multiple needs one number from 1 on for each of the " +
                                              std::to_string(layers.size()) + " layers");
  }
  std::vector<AlignedScope> scopes;
  std::int64_t mosts = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::int64_t left = count_survivors(std::span(layers).subspan(i, 1));
    const std::int64_t most = target.layer_most.empty() ? left : std::min(left, target.layer_most.at(i));
    scopes.push_back({multiples[i], most, target.layer_least.empty() ? 0 : target.layer_least.at(i)});
    mosts += most;
  }
  target.total_kept = std::min(target.total_kept, mosts);
  std::vector<std::int64_t> counts;
  for (const auto& mask : select_kept(layers, target, rules))
    counts.push_back(static_cast<std::int64_t>(count_set(mask.data(), mask.size())));
  PruneTarget aligned;
  aligned.layer_kept = aligned_counts(counts, scopes, target.total_kept);
  aligned.total_kept = std::accumulate(aligned.layer_kept.begin(), aligned.layer_kept.end(), std::int64_t{0});
  return select_kept(layers, aligned, rules);
}

}  // namespace

Ties parse_ties(std::string_view text) {
  if (text.empty()) return Ties::first;
  if (text == "last") return Ties::last;
  if (text == "drop") return Ties::drop;
  if (text == "keep") return Ties::keep;
  throw Error(ErrorKind::invalid_input, "ties: unknown \"" + std::string(text) + "\" (drop, keep, last, or left out)");
}

KeepMasks select_kept(const std::vector<ScoredLayer>& layers, const PruneTarget& target, const SelectionRules& rules) {
  if (!target.layer_ranking.empty()) return select_in_rankings(layers, target, rules);
  if (!target.layer_multiple.empty()) return select_in_multiples(layers, target, rules);
  std::vector<ScoredLayer> competing = layers;
  KeepMasks masks;
  for (ScoredLayer& layer : competing) {
    if (rules.revive) layer.surviving = {};
    masks.emplace_back(layer.scores.size(), std::uint8_t{0});
  }
  if (!target.layer_kept.empty()) {
    select_each(competing, target, rules, masks);
  } else if (!target.layer_least.empty() || !target.layer_most.empty()) {
    BoundedRanking(competing, target, rules, masks).run();
  } else {
    select_together(competing, target.total_kept, rules, masks);
  }
  return masks;
}

}  // namespace espalier
