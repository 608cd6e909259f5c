#include "orchestrator/scheduler/blame.h"

#include <gtest/gtest.h>

#include "orchestrator/scheduler/node_health.h"

namespace espalier {
namespace {

Blame::Running runs(StageIndex stage, bool named = false) {
  return {stage + 100, stage, {stage}, named};
}

TEST(Blame, TheOneThatRanAloneHasIt) {
  Blame blame;
  const auto culprits = blame.on_crash({runs(1)}, {});
  ASSERT_EQ(culprits.size(), 1U);
  EXPECT_EQ(culprits[0].stage, 1U);
}

TEST(Blame, OfSeveralNobodyIsChargedUntilOneIsKnown) {
  Blame blame;
  EXPECT_TRUE(blame.on_crash({runs(1), runs(2), runs(3)}, {}).empty());
  EXPECT_EQ(blame.suspects(), (std::set<StageIndex>{1, 2, 3}));
  blame.settle(2);
  const auto culprits = blame.on_crash({runs(1), runs(4)}, {});
  ASSERT_EQ(culprits.size(), 1U);
  EXPECT_EQ(culprits[0].stage, 1U);
  blame.settle(1);  // quarantined: what it hit is explained; what it may have hit before is not
  EXPECT_EQ(blame.suspects(), (std::set<StageIndex>{3}));
}

TEST(Blame, ANoteNamesItAndItsNeighboursAreOnlyKeptApart) {
  Blame blame;
  const auto culprits = blame.on_crash({runs(1), runs(2, true)}, {7});
  ASSERT_EQ(culprits.size(), 1U);
  EXPECT_EQ(culprits[0].stage, 2U);
  EXPECT_EQ(blame.suspects(), (std::set<StageIndex>{1, 2, 7}));
  blame.settle(2);
  EXPECT_TRUE(blame.suspects().empty());
}

TEST(Blame, EachBudgetIsItsOwn) {
  FailurePolicy policy;
  policy.errors = 2;
  Blame blame;
  EXPECT_FALSE(blame.charge(1, LossCause::signal, "a", policy));
  EXPECT_FALSE(blame.charge(1, LossCause::error, "a", policy));
  EXPECT_FALSE(blame.charge(1, LossCause::oom_gpu, "a", policy));
  EXPECT_TRUE(blame.must_be_alone(1));
  EXPECT_FALSE(blame.charge(1, LossCause::hung, "b", policy));
  EXPECT_FALSE(blame.charge(1, LossCause::preempted, "a", policy));
  EXPECT_TRUE(blame.charge(1, LossCause::heartbeat, "b", policy));
  blame.forgive("b");
  EXPECT_FALSE(blame.charge(1, LossCause::signal, "a", policy));
  EXPECT_TRUE(blame.charge(1, LossCause::numeric, "a", policy));
}

TEST(NodeHealth, OneJobSaysNothingAndFinishedOnesSpeakForTheNode) {
  constexpr std::int64_t kLimit = 3;
  NodeHealth nodes;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(nodes.on_crash("a", 1, kLimit, 0));
  for (int i = 0; i < 9; ++i) nodes.on_finished("a");
  EXPECT_FALSE(nodes.on_crash("a", 2, kLimit, 0));
  EXPECT_FALSE(nodes.on_crash("a", 3, kLimit, 0));
  EXPECT_FALSE(nodes.is_aside("a"));
  EXPECT_FALSE(nodes.on_crash("", 4, kLimit, 0));
}

TEST(NodeHealth, ThePauseDoubles) {
  constexpr std::int64_t kLimit = 2;
  NodeHealth nodes;
  EXPECT_FALSE(nodes.on_crash("a", 1, kLimit, 0));
  EXPECT_TRUE(nodes.on_crash("a", 2, kLimit, 0));
  EXPECT_DOUBLE_EQ(nodes.aside_s("a"), 60);
  EXPECT_TRUE(nodes.release(59).empty());
  EXPECT_EQ(nodes.release(60), std::vector<std::string>{"a"});
  EXPECT_FALSE(nodes.on_crash("a", 1, kLimit, 100));
  EXPECT_TRUE(nodes.on_crash("a", 2, kLimit, 100));
  EXPECT_DOUBLE_EQ(nodes.aside_s("a"), 120);
}

}  // namespace
}  // namespace espalier
