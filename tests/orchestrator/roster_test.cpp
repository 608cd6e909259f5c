#include "orchestrator/roster.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

using Behind = std::set<std::pair<PoolId, int>>;

Attempt at(PoolId pool, int rank) {
  Attempt attempt;
  attempt.pool = pool;
  attempt.rank = rank;
  return attempt;
}

void get_ready(Roster& roster, PoolId pool, int rank) {
  roster.find(pool, rank)->ready = true;
  roster.refresh(pool, rank);
}

TEST(Roster, KnowsWhoIsIdleAndWhoHasMoreThanItRuns) {
  Roster roster;
  roster.join(1, "a", 2);
  EXPECT_EQ(roster.idle_ranks(), 0);  // none is ready
  get_ready(roster, 1, 0);
  get_ready(roster, 1, 1);
  EXPECT_EQ(roster.idle_ranks(), 2);
  roster.hold(10, at(1, 0));
  EXPECT_EQ(roster.idle_ranks(), 1);
  EXPECT_EQ(roster.ranks_with_jobs_behind(), Behind());
  roster.hold(11, at(1, 0));
  EXPECT_EQ(roster.ranks_with_jobs_behind(), (Behind{{1, 0}}));
  roster.move(11, 1, 1);
  EXPECT_EQ(roster.idle_ranks(), 0);
  EXPECT_EQ(roster.ranks_with_jobs_behind(), Behind());
  roster.release(10);
  roster.release(11);
  EXPECT_EQ(roster.idle_ranks(), 2);
}

TEST(Roster, APoolThatIsAwayCountsForNothing) {
  Roster roster;
  roster.join(1, "a", 1);
  get_ready(roster, 1, 0);
  roster.hold(10, at(1, 0));
  roster.hold(11, at(1, 0));
  roster.silence(1);
  EXPECT_EQ(roster.ranks_with_jobs_behind(), Behind());
  get_ready(roster, 1, 0);
  EXPECT_EQ(roster.ranks_with_jobs_behind(), (Behind{{1, 0}}));
  roster.remove(1);
  EXPECT_EQ(roster.ranks_with_jobs_behind(), Behind());
  roster.join(2, "b", 1);
  get_ready(roster, 2, 0);
  EXPECT_EQ(roster.idle_ranks(), 1);
  roster.remove(2);
  EXPECT_EQ(roster.idle_ranks(), 0);
}

TEST(Roster, TheIdlestComesFirst) {
  Roster roster;
  for (const PoolId pool : {1U, 2U}) {
    roster.join(pool, "a", 1);
    get_ready(roster, pool, 0);
  }
  EXPECT_EQ(roster.idlest(1, {}), std::pair(PoolId{1}, 0));
  roster.hold(10, at(1, 0));
  EXPECT_EQ(roster.idlest(1, {}), std::pair(PoolId{2}, 0));
  EXPECT_EQ(roster.idlest(1, {2}), std::nullopt);
  EXPECT_EQ(roster.idlest(2, {2}), std::pair(PoolId{1}, 0));
}

}  // namespace
}  // namespace espalier
