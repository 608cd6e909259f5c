#include "orchestrator/scheduler/roster.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

using Ranks = std::vector<std::pair<PoolId, int>>;

Attempt at(PoolId pool, int rank) {
  Attempt attempt;
  attempt.pool = pool;
  attempt.rank = rank;
  return attempt;
}

Roster with_ready_pools(const std::vector<PoolId>& pools, int ranks) {
  Roster roster;
  for (const PoolId pool : pools) {
    for (RankSlot& rank : roster.join(pool, "a", ranks).ranks) rank.ready = true;
    roster.refresh(pool);
  }
  return roster;
}

Ranks with_waiting(const Roster& roster) {
  Ranks ranks;
  roster.for_each_with_waiting([&](PoolId pool, int rank) {
    ranks.emplace_back(pool, rank);
    return true;
  });
  return ranks;
}

TEST(Roster, KnowsWhoIsIdleAndWhoHasMoreThanItRuns) {
  Roster roster = with_ready_pools({1}, 2);
  EXPECT_EQ(roster.idle_ranks(), 2);
  roster.hold(10, at(1, 0));
  EXPECT_EQ(roster.idle_ranks(), 1);
  EXPECT_EQ(with_waiting(roster), Ranks());
  roster.hold(11, at(1, 0));
  EXPECT_EQ(with_waiting(roster), (Ranks{{1, 0}}));
  roster.move(11, 1, 1);
  EXPECT_EQ(roster.idle_ranks(), 0);
  EXPECT_EQ(with_waiting(roster), Ranks());
  roster.release(10);
  roster.release(11);
  EXPECT_EQ(roster.idle_ranks(), 2);
}

TEST(Roster, APoolThatIsAwayOrReservedCountsForNothing) {
  Roster roster = with_ready_pools({1, 2, 3}, 1);
  roster.silence(1);
  EXPECT_EQ(roster.idle_ranks(), 2);
  roster.reserve(2, Reservation{7, Reservation::Why::gang});
  EXPECT_EQ(roster.idle_ranks(), 1);
  EXPECT_EQ(roster.reserved(), std::set<PoolId>{2});
  roster.remove(2);
  EXPECT_TRUE(roster.reserved().empty());
  roster.remove(3);
  EXPECT_EQ(roster.idle_ranks(), 0);
}

TEST(Roster, TheIdlestComesFirst) {
  Roster roster = with_ready_pools({1, 2}, 1);
  EXPECT_EQ(roster.idlest(1, {}, {}), std::pair(PoolId{1}, 0));
  roster.hold(10, at(1, 0));
  EXPECT_EQ(roster.idlest(1, {}, {}), std::pair(PoolId{2}, 0));
  EXPECT_EQ(roster.idlest(1, {2}, {}), std::nullopt);
  EXPECT_EQ(roster.idlest(2, {2}, {}), std::pair(PoolId{1}, 0));
}

}  // namespace
}  // namespace espalier
