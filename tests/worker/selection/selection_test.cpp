#include "worker/selection/selection.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

struct Network {
  std::vector<std::vector<float>> scores;
  std::vector<std::vector<std::uint8_t>> surviving;

  std::vector<ScoredLayer> layers() const {
    std::vector<ScoredLayer> result;
    for (std::size_t i = 0; i < scores.size(); ++i)
      result.push_back({"fc" + std::to_string(i + 1), scores[i], surviving[i]});
    return result;
  }
};

PruneTarget in_all(std::int64_t kept) {
  PruneTarget target;
  target.total_kept = kept;
  return target;
}

PruneTarget in_each(std::vector<std::int64_t> kept) {
  PruneTarget target = in_all(std::accumulate(kept.begin(), kept.end(), std::int64_t{0}));
  target.layer_kept = std::move(kept);
  return target;
}

PruneTarget within(std::int64_t kept, std::vector<std::int64_t> least, std::vector<std::int64_t> most) {
  PruneTarget target = in_all(kept);
  target.layer_least = std::move(least);
  target.layer_most = std::move(most);
  return target;
}

SelectionRules with_ties(Ties ties, bool revive = false) {
  SelectionRules rules;
  rules.ties = ties;
  rules.revive = revive;
  return rules;
}

std::int64_t kept_in(const std::vector<std::uint8_t>& mask) {
  return std::accumulate(mask.begin(), mask.end(), std::int64_t{0});
}

std::int64_t kept_in(const KeepMasks& masks) {
  std::int64_t kept = 0;
  for (const auto& mask : masks) kept += kept_in(mask);
  return kept;
}

struct Place {
  float score;
  std::size_t layer, index;
};

/// The definition: all survivors by (score descending, layer, flat index), or by (layer, index) descending for `last`.
std::vector<Place> ranked(const Network& network, Ties ties = Ties::first) {
  std::vector<Place> order;
  for (std::size_t layer = 0; layer < network.scores.size(); ++layer) {
    for (std::size_t i = 0; i < network.scores[layer].size(); ++i) {
      if (network.surviving[layer].empty() || network.surviving[layer][i])
        order.push_back({network.scores[layer][i], layer, i});
    }
  }
  if (ties == Ties::last) std::reverse(order.begin(), order.end());
  std::stable_sort(order.begin(), order.end(), [](const Place& a, const Place& b) { return a.score > b.score; });
  return order;
}

KeepMasks no_masks(const Network& network) {
  KeepMasks masks;
  for (const auto& scores : network.scores) masks.emplace_back(scores.size(), std::uint8_t{0});
  return masks;
}

KeepMasks select_by_sorting(const Network& network, std::int64_t kept, Ties ties = Ties::first) {
  const std::vector<Place> order = ranked(network, ties);
  KeepMasks masks = no_masks(network);
  auto count = static_cast<std::size_t>(kept);
  if (ties == Ties::drop && count < order.size()) {
    const float highest_removed = order[count].score;
    while (count > 0 && order[count - 1].score == highest_removed) --count;
  }
  if (ties == Ties::keep && count > 0) {
    const float lowest_kept = order[count - 1].score;
    while (count < order.size() && order[count].score == lowest_kept) ++count;
  }
  for (std::size_t i = 0; i < count; ++i) masks[order[i].layer][order[i].index] = 1;
  return masks;
}

/// distinct: 0, all scores differ; otherwise that many values.
Network random_network(RandomStream& random, std::uint64_t distinct) {
  Network network;
  for (int layer = 0; layer < 3; ++layer) {
    std::vector<float> scores(1 + random.below(300));
    std::vector<std::uint8_t> surviving(scores.size());
    for (float& score : scores) {
      score = distinct ? static_cast<float>(random.below(distinct)) - static_cast<float>(distinct / 2)
                       : static_cast<float>(random.normal());
      if (score == 0 && random.below(2)) score = -0.0F;
    }
    for (auto& alive : surviving) alive = random.below(4) > 0;
    network.scores.push_back(std::move(scores));
    network.surviving.push_back(std::move(surviving));
  }
  return network;
}

std::int64_t some_of(RandomStream& random, std::int64_t count) {
  return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(count) + 1));
}

TEST(Selection, EqualsSortingWithTiesZerosAndNegatives) {
  RandomStream random(0, "test");
  for (int round = 0; round < 300; ++round) {
    const Network network = random_network(random, static_cast<std::uint64_t>(round % 4));
    const std::int64_t survivors = kept_in(network.surviving);
    const std::int64_t kept = some_of(random, survivors);
    for (const Ties ties : {Ties::first, Ties::last, Ties::drop, Ties::keep}) {
      const KeepMasks masks = select_kept(network.layers(), in_all(kept), with_ties(ties));
      EXPECT_EQ(masks, select_by_sorting(network, kept, ties)) << round << " " << static_cast<int>(ties);
      EXPECT_EQ(masks, select_kept(network.layers(), in_all(kept), with_ties(ties)));
      EXPECT_EQ(select_kept(network.layers(), in_all(survivors), with_ties(ties)), network.surviving);
      EXPECT_EQ(kept_in(select_kept(network.layers(), in_all(0), with_ties(ties))), 0);
    }
  }
}

TEST(Selection, WithoutMasksAllCompeteAndRevivedOnesToo) {
  RandomStream random(2, "test");
  for (int round = 0; round < 50; ++round) {
    const Network masked = random_network(random, static_cast<std::uint64_t>(round % 4));
    Network all = masked;
    for (auto& surviving : all.surviving) surviving.clear();
    const std::int64_t kept = some_of(random, kept_in(masked.surviving));
    const KeepMasks masks = select_kept(all.layers(), in_all(kept));
    EXPECT_EQ(masks, select_by_sorting(all, kept));
    EXPECT_EQ(masks, select_kept(masked.layers(), in_all(kept), with_ties(Ties::first, true)));
  }
}

TEST(Selection, MoreKeptKeepsWhatFewerKept) {
  RandomStream random(3, "test");
  const Network network = random_network(random, 3);
  KeepMasks fewer = no_masks(network);
  for (std::int64_t kept = 1; kept <= kept_in(network.surviving); ++kept) {
    const KeepMasks more = select_kept(network.layers(), in_all(kept));
    for (std::size_t layer = 0; layer < more.size(); ++layer) {
      for (std::size_t i = 0; i < more[layer].size(); ++i) ASSERT_LE(fewer[layer][i], more[layer][i]);
    }
    fewer = more;
  }
}

TEST(Selection, PerLayerKeepsEachLayersCount) {
  RandomStream random(1, "test");
  for (int round = 0; round < 100; ++round) {
    const Network network = random_network(random, static_cast<std::uint64_t>(round % 3));
    std::vector<std::int64_t> counts;
    for (const auto& alive : network.surviving) counts.push_back(some_of(random, kept_in(alive)));
    const KeepMasks masks = select_kept(network.layers(), in_each(counts));
    for (std::size_t layer = 0; layer < masks.size(); ++layer) {
      const Network alone{{network.scores[layer]}, {network.surviving[layer]}};
      EXPECT_EQ(masks[layer], select_by_sorting(alone, counts[layer])[0]);
    }
  }
}

TEST(Selection, TiesFollowTheirRule) {
  const Network network{{{1, 1}, {1, 2, 1}}, {{1, 1}, {1, 1, 1}}};
  const auto select = [&](Ties ties, std::int64_t kept) {
    return select_kept(network.layers(), in_all(kept), with_ties(ties));
  };
  EXPECT_EQ(select(Ties::first, 3), (KeepMasks{{1, 1}, {0, 1, 0}}));
  EXPECT_EQ(select(Ties::last, 3), (KeepMasks{{0, 0}, {1, 1, 1}}));
  EXPECT_EQ(select(Ties::drop, 3), (KeepMasks{{0, 0}, {0, 1, 0}}));
  EXPECT_EQ(select(Ties::keep, 3), (KeepMasks{{1, 1}, {1, 1, 1}}));
  EXPECT_EQ(select(Ties::drop, 1), select(Ties::keep, 1));  // no tie at this edge
  EXPECT_EQ(parse_ties(""), Ties::first);
  EXPECT_EQ(parse_ties("keep"), Ties::keep);
  EXPECT_THROW(parse_ties("some"), Error);
}

/// The definition: a common place in the ranking such that each layer's count above it, clamped to its bounds, adds up.
std::vector<std::int64_t> counts_within(const Network& network, const PruneTarget& target) {
  std::vector<std::int64_t> counts(network.scores.size(), 0), clamped(counts);
  const std::vector<Place> order = ranked(network);
  for (std::size_t place = 0;; ++place) {
    for (std::size_t layer = 0; layer < counts.size(); ++layer)
      clamped[layer] = std::clamp(counts[layer], target.layer_least[layer], target.layer_most[layer]);
    if (std::accumulate(clamped.begin(), clamped.end(), std::int64_t{0}) == target.total_kept) return clamped;
    ++counts[order.at(place).layer];
  }
}

TEST(Selection, BoundsOfLayersHoldTogetherWithTheTotal) {
  RandomStream random(4, "test");
  for (int round = 0; round < 300; ++round) {
    Network network = random_network(random, static_cast<std::uint64_t>(round % 4));
    for (float& score : network.scores[1]) score += static_cast<float>(random.below(3));
    PruneTarget target;
    std::int64_t lowest = 0, highest = 0;
    for (const auto& alive : network.surviving) {
      target.layer_most.push_back(some_of(random, kept_in(alive)));
      target.layer_least.push_back(some_of(random, target.layer_most.back()));
      lowest += target.layer_least.back();
      highest += target.layer_most.back();
    }
    target.total_kept = lowest + some_of(random, highest - lowest);
    const KeepMasks masks = select_kept(network.layers(), target);
    ASSERT_EQ(masks, select_kept(network.layers(), in_each(counts_within(network, target)))) << round;
    ASSERT_EQ(kept_in(masks), target.total_kept);
  }
}

TEST(Selection, BoundsThatNothingNeedsChangeNothing) {
  RandomStream random(5, "test");
  const Network network = random_network(random, 3);
  const KeepMasks free = select_kept(network.layers(), in_all(40));
  EXPECT_EQ(select_kept(network.layers(), within(40, {0, 0, 0}, {})), free);
  EXPECT_EQ(select_kept(network.layers(), within(40, {}, {1000, 1000, 1000})), free);
}

TEST(Selection, RefusesBoundsThatCannotHold) {
  const Network network{{{4, 3}, {2, 1}}, {{1, 1}, {1, 1}}};
  EXPECT_EQ(select_kept(network.layers(), within(2, {0, 1}, {})), (KeepMasks{{1, 0}, {1, 0}}));
  EXPECT_EQ(select_kept(network.layers(), within(2, {}, {1, 2})), (KeepMasks{{1, 0}, {1, 0}}));
  const std::vector<PruneTarget> bad = {within(2, {2, 1}, {}),   within(3, {}, {1, 1}),  within(2, {0, 3}, {}),
                                        within(2, {0}, {}),      within(2, {-1, 0}, {}), within(2, {1, 1}, {0, 2}),
                                        within(2, {}, {1, 1, 1})};
  for (const PruneTarget& target : bad) {
    try {
      select_kept(network.layers(), target);
      ADD_FAILURE() << "not refused: case " << &target - bad.data();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << error.what();
    }
  }
  EXPECT_THROW(select_kept(network.layers(), within(2, {0, 1}, {}), with_ties(Ties::drop)), Error);
}

/// Big enough that the threshold is searched by a sample, then by passes.
void expect_as_sorting(const Network& network, std::int64_t kept) {
  const KeepMasks masks = select_kept(network.layers(), in_all(kept));
  EXPECT_EQ(masks == select_by_sorting(network, kept), true) << kept;  // not printed: a million numbers
}

TEST(Selection, ManyScoresAreBracketedExactly) {
  RandomStream random(6, "test");
  Network network;
  for (const std::size_t count : {100'001U, 3U, 1U, 250'000U}) {
    network.surviving.emplace_back();
    for (float& score : network.scores.emplace_back(count)) score = static_cast<float>(random.normal());
  }
  for (const std::int64_t kept : {1, 2, 300, 35'000, 175'000, 350'000, 350'004}) expect_as_sorting(network, kept);
  network.surviving[3].resize(250'000);
  for (auto& alive : network.surviving[3]) alive = random.below(10) == 0;
  for (const std::int64_t kept : {1, 30'000, 100'000, 120'000}) expect_as_sorting(network, kept);
}

TEST(Selection, ManyEqualScoresAreCountedNotHeld) {
  RandomStream random(7, "test");
  Network network{{std::vector<float>(2'400'000)}, {{}}};
  for (float& score : network.scores[0]) score = random.below(2) ? 1.0F : -1.0F;  // both are near the middle
  const std::int64_t ones = std::count(network.scores[0].begin(), network.scores[0].end(), 1.0F);
  for (const std::int64_t kept : {ones - 1, ones, ones + 1, ones / 2, ones + ones / 2})
    expect_as_sorting(network, kept);
  for (float& score : network.scores[0]) score = random.below(2) ? 0.0F : -0.0F;
  expect_as_sorting(network, 1'234'567);
  for (float& score : network.scores[0]) score = random.below(3) ? std::nextafter(0.0F, -1.0F) : 0.0F;
  const std::int64_t zeros = std::count(network.scores[0].begin(), network.scores[0].end(), 0.0F);
  for (const std::int64_t kept : {zeros - 1, zeros, zeros + 1}) expect_as_sorting(network, kept);
}

TEST(Selection, SampleThatMisleadsCostsOnlyPasses) {
  constexpr std::uint64_t kSample = 1 << 16, kCount = kSample * 40;
  RandomStream random(8, "test");
  for (const bool sampled_are_low : {true, false}) {
    Network network{{std::vector<float>(kCount)}, {{}}};
    for (float& score : network.scores[0]) score = static_cast<float>(random.uniform() - (sampled_are_low ? 0 : 1));
    std::uint64_t state = 0;
    for (std::uint64_t i = 0; i < kSample; ++i) {  // the places that threshold.cpp looks at first
      state = state * 6364136223846793005U + 1442695040888963407U;
      network.scores[0][i * 40 + (state >> 33U) % 40] += sampled_are_low ? -3.0F : 3.0F;
    }
    expect_as_sorting(network, kCount / 2);
  }
}

#ifdef __SSE2__
/// A worker's threads have this setting (run_job.cpp).
TEST(Selection, WhereDenormalsAreFlushedTheyEqualZero) {
  RandomStream random(9, "test");
  Network network{{std::vector<float>(300'000)}, {{}}};
  for (float& score : network.scores[0]) {
    score = static_cast<float>(random.uniform() - 0.5);
    if (random.below(4) > 0) score *= 1e-39F;
  }
  const unsigned state = _mm_getcsr();
  _mm_setcsr(state | 0x8040U);  // results are flushed, operands taken as zero
  for (const std::int64_t kept : {20'000, 100'000, 200'000, 290'000}) expect_as_sorting(network, kept);
  _mm_setcsr(state);
}
#endif

TEST(Selection, InfinitiesAreScoresAndNaNIsNot) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  Network network{{{5}, {-inf, 0, inf, 1}}, {{1}, {1, 1, 1, 1}}};
  EXPECT_EQ(select_kept(network.layers(), in_all(3)), (KeepMasks{{1}, {0, 0, 1, 1}}));
  EXPECT_EQ(select_kept(network.layers(), in_all(5)), (KeepMasks{{1}, {1, 1, 1, 1}}));
  network.scores[1][1] = nan;
  for (const std::int64_t kept : {0, 2, 5}) {
    try {
      select_kept(network.layers(), in_all(kept));
      FAIL() << "NaN was ranked";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::numeric);
      EXPECT_NE(std::string(error.what()).find("weight 1 of layer fc2"), std::string::npos) << error.what();
    }
  }
  network.surviving[1][1] = 0;  // what was pruned has no score
  EXPECT_EQ(select_kept(network.layers(), in_all(2)), (KeepMasks{{1}, {0, 0, 1, 0}}));
  EXPECT_EQ(select_kept(network.layers(), in_all(4)), (KeepMasks{{1}, {1, 0, 1, 1}}));
  EXPECT_THROW(select_kept(network.layers(), in_all(2), with_ties(Ties::first, true)), Error);
}

TEST(Selection, RefusesMoreThanSurvivesAndCountsThatDoNotFit) {
  const Network network{{{1, 2}, {3}}, {{1, 0}, {1}}};
  EXPECT_THROW(select_kept(network.layers(), in_all(3)), Error);
  EXPECT_THROW(select_kept(network.layers(), in_all(-1)), Error);
  EXPECT_THROW(select_kept(network.layers(), in_each({2, 0})), Error);
  EXPECT_THROW(select_kept(network.layers(), in_each({1})), Error);
  PruneTarget target = in_each({1, 0});
  target.total_kept = 2;
  EXPECT_THROW(select_kept(network.layers(), target), Error);
  EXPECT_EQ(select_kept(network.layers(), in_each({1, 1})), (KeepMasks{{1, 0}, {1}}));
  EXPECT_EQ(select_kept(network.layers(), in_all(0)), (KeepMasks{{0, 0}, {0}}));
}

}  // namespace
}  // namespace espalier
