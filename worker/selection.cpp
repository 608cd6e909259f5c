#include "worker/selection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/error.h"

// A float's bits, with the sign bit flipped for positive numbers and all bits for negative ones, order as unsigned
// integers just as the floats do. Two histograms, over the upper and then the lower 16 of those bits, lead to the exact
// score of the last weight that is kept: everything above it stays, and of its equals the first ones in order.

namespace espalier {
namespace {

using Rank = std::uint32_t;
constexpr std::size_t kBins = 1 << 16;

Rank rank_of(float score) {
  const Rank bits = std::bit_cast<Rank>(score + 0.0F);  // -0.0 + 0.0 is 0.0
  return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

template <typename Visit>
void for_each_survivor(std::span<const ScoredLayer> layers, Visit visit) {
  for (const ScoredLayer& layer : layers) {
    for (std::size_t i = 0; i < layer.scores.size(); ++i) {
      if (layer.surviving[i]) visit(rank_of(layer.scores[i]));
    }
  }
}

/// The highest bin such that it and those above hold at least `wanted`; `wanted` becomes what is missing without it.
Rank descend(const std::vector<std::int64_t>& bins, std::int64_t& wanted) {
  std::size_t bin = bins.size() - 1;
  while (bins[bin] < wanted) wanted -= bins[bin--];
  return static_cast<Rank>(bin);
}

struct Threshold {
  Rank rank;
  std::int64_t equals_kept;  ///< how many weights of exactly this rank stay
};

/// `kept` > 0 and at most the number of survivors.
Threshold find_threshold(std::span<const ScoredLayer> layers, std::int64_t kept) {
  std::vector<std::int64_t> bins(kBins, 0);
  for_each_survivor(layers, [&](Rank rank) { ++bins[rank >> 16]; });
  const Rank upper = descend(bins, kept);
  std::fill(bins.begin(), bins.end(), 0);
  for_each_survivor(layers, [&](Rank rank) {
    if (rank >> 16 == upper) ++bins[rank & 0xFFFF];
  });
  const Rank lower = descend(bins, kept);
  return {upper << 16 | lower, kept};
}

std::int64_t count_survivors(std::span<const ScoredLayer> layers) {
  std::int64_t count = 0;
  for (const ScoredLayer& layer : layers) {
    for (std::size_t i = 0; i < layer.scores.size(); ++i) {
      if (!layer.surviving[i]) continue;
      if (std::isnan(layer.scores[i])) {
        throw Error(ErrorKind::numeric, "the score of weight " + std::to_string(i) + " of layer " + layer.name +
                                            " is NaN: the network diverged before it was pruned");
      }
      ++count;
    }
  }
  return count;
}

void select_together(std::span<const ScoredLayer> layers, std::int64_t kept,
                     std::span<std::vector<std::uint8_t>> masks) {
  const std::int64_t survivors = count_survivors(layers);
  if (kept < 0 || kept > survivors) {
    throw Error(ErrorKind::invalid_input, "cannot keep " + std::to_string(kept) + " of the " +
                                              std::to_string(survivors) + " weights that are left in " +
                                              (layers.size() == 1 ? "layer " + layers[0].name : "the network"));
  }
  if (kept == 0) return;
  Threshold threshold = find_threshold(layers, kept);
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const ScoredLayer& scored = layers[layer];
    for (std::size_t i = 0; i < scored.scores.size(); ++i) {
      if (!scored.surviving[i]) continue;
      const Rank rank = rank_of(scored.scores[i]);
      if (rank > threshold.rank || (rank == threshold.rank && threshold.equals_kept-- > 0)) masks[layer][i] = 1;
    }
  }
}

}  // namespace

KeepMasks select_kept(const std::vector<ScoredLayer>& layers, const PruneTarget& target) {
  KeepMasks masks;
  for (const ScoredLayer& layer : layers) {
    if (layer.scores.size() != layer.surviving.size()) {
      throw Error(ErrorKind::internal, "layer " + layer.name + " has scores and a mask of different sizes");
    }
    masks.emplace_back(layer.scores.size(), std::uint8_t{0});
  }
  if (target.layer_kept.empty()) {
    select_together(layers, target.total_kept, masks);
    return masks;
  }
  const std::int64_t sum = std::accumulate(target.layer_kept.begin(), target.layer_kept.end(), std::int64_t{0});
  if (target.layer_kept.size() != layers.size() || sum != target.total_kept) {
    throw Error(ErrorKind::invalid_input, "the counts to keep (" + std::to_string(target.layer_kept.size()) +
                                              " layers, " + std::to_string(sum) +
                                              " weights) do not fit the network's " + std::to_string(layers.size()) +
                                              " layers and the total of " + std::to_string(target.total_kept));
  }
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    select_together(std::span(layers).subspan(layer, 1), target.layer_kept[layer], std::span(masks).subspan(layer, 1));
  }
  return masks;
}

}  // namespace espalier
