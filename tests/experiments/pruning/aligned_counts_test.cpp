#include "experiments/pruning/aligned_counts.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;

std::vector<std::int64_t> aligned(const std::vector<std::int64_t>& counts, const std::vector<std::int64_t>& units,
                                  std::int64_t multiple, std::int64_t total) {
  std::vector<AlignedScope> scopes;
  for (const std::int64_t most : units) scopes.push_back({multiple, most});
  return aligned_counts(counts, scopes, total);
}

// Of 20: 8, 16 and all 20. 12 is halfway between the first two, 18 between the others.
TEST(AlignedCounts, OneGoesToTheNearestMultipleOrToAll) {
  const AlignedScope scope{8, 20};
  std::vector<std::int64_t> made;
  for (const std::int64_t count : {0, 3, 11, 12, 16, 17, 18, 20}) made.push_back(aligned_count(count, scope));
  EXPECT_THAT(made, ElementsAre(8, 8, 8, 16, 16, 16, 20, 20));
  EXPECT_EQ(aligned_count(1, {8, 6}), 6);  // fewer than a multiple stay whole
  EXPECT_EQ(aligned_count(1, {8, 0}), 0);
  EXPECT_EQ(aligned_count(1, {8, 64, 17}), 24);
}

// Multiples below: 8, 8, 16; of the 8 that are missing, 12 is four eighths above its multiple, 11 three, 17 one.
TEST(AlignedCounts, TheFurthestFromItsCountMovesAsLongAsTheTotalComesNearer) {
  EXPECT_THAT(aligned({12, 11, 17}, {16, 32, 64}, 8, 40), ElementsAre(16, 8, 16));
  EXPECT_THAT(aligned({11, 11, 12}, {32, 32, 32}, 8, 34), ElementsAre(8, 8, 16));  // 32, and not 24 or 40
  EXPECT_THAT(aligned({12, 12}, {16, 16}, 8, 20), ElementsAre(16, 8));  // 24 is as near as 16: the higher one
  // What has to keep 8 of its 2 takes 12 from the third, in whole steps.
  EXPECT_THAT(aligned({2, 2, 30}, {16, 16, 32}, 8, 34), ElementsAre(8, 8, 16));
  EXPECT_THAT(aligned({3, 5, 7}, {4, 8, 9}, 1, 15), ElementsAre(3, 5, 7));
}

TEST(AlignedCounts, AreAllowedAndNextToTheTotalWhateverTheCounts) {
  RandomStream random(11, "aligned");
  for (int round = 0; round < 300; ++round) {
    std::vector<AlignedScope> scopes;
    std::vector<std::int64_t> counts;
    std::int64_t total = 0, lowest = 0, all = 0, step = 0;
    for (int i = 0; i < 6; ++i) {
      const std::int64_t multiple = std::int64_t{1} << static_cast<int>(random.uniform() * 4);
      const auto most = 1 + static_cast<std::int64_t>(random.uniform() * 70);
      scopes.push_back({multiple, most});
      counts.push_back(static_cast<std::int64_t>(random.uniform() * static_cast<double>(most + 1)));
      total += counts.back();
      lowest += scopes.back().lowest();
      all += most;
      step = std::max(step, multiple);
    }
    const std::vector<std::int64_t> made = aligned_counts(counts, scopes, total);
    for (std::size_t i = 0; i < made.size(); ++i) {
      EXPECT_TRUE(made[i] % scopes[i].multiple == 0 || made[i] == scopes[i].most);
      EXPECT_GE(made[i], scopes[i].lowest());
      EXPECT_LE(made[i], scopes[i].most);
    }
    const std::int64_t sum = std::accumulate(made.begin(), made.end(), std::int64_t{0});
    const std::int64_t off = std::max(std::abs(sum - std::max(total, lowest)), std::int64_t{0});
    EXPECT_LE(2 * off, step) << total << " of " << all << ", " << sum;
  }
}

// A unit of `wide` and of `grouped` is a channel in either group.
TEST(UnitMultiple, HoldsForTheChannelsThatAKernelSees) {
  const ModelDescription model = built_model("grouped", {1, 4, 4}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("wide", x, {6, 1});
    x = graph.conv2d("grouped", x, {4, 3, 1, 1, true, 2});
    x = graph.conv2d("depthwise", graph.conv2d("plain", x, {8, 1}), {8, 3, 1, 1, true, 8});
    return graph.linear("fc", graph.flatten(x), 2);
  });
  const std::vector<PruneScope> scopes = channel_scopes(*model.graph);
  ASSERT_EQ(scopes.size(), 3U);
  for (const PruneScope& scope : scopes) EXPECT_EQ(unit_multiple(scope, 8), 8) << scope.name;
  EXPECT_EQ(unit_multiple(scopes[0], 2), 2);  // of the 3 in each group of what reads it
}

// Heads of 6 rows: 8 of these are 48 rows, and 4 are 24, the fewest that 8 divides.
TEST(UnitMultiple, OfHeadsIsOfTheirRows) {
  const ModelDescription model = built_model("heads", {1, 4, 48}, 2, [](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.mean_tokens(graph.attention("attn", graph.rows(x), 8)), 2);
  });
  const std::vector<PruneScope> scopes = head_scopes(*model.graph);
  ASSERT_EQ(scopes.size(), 1U);
  EXPECT_EQ(unit_multiple(scopes[0], 8), 4);
  EXPECT_EQ(unit_multiple(scopes[0], 2), 1);
}

}  // namespace
}  // namespace espalier
