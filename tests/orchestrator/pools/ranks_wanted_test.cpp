#include "orchestrator/pools/ranks_wanted.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

AllocationPlan four_ranks() {
  AllocationPlan plan;
  plan.nodes = 2;
  plan.ranks_per_node = 2;
  return plan;
}

TEST(RanksWanted, AJobOfOneRankIsOne) {
  EXPECT_EQ(ranks_wanted({}, four_ranks()), 0);
  EXPECT_EQ(ranks_wanted({{{}, 5}}, four_ranks()), 5);
}

TEST(RanksWanted, OneThatTakesMostOfAPoolTakesItAll) {
  EXPECT_EQ(ranks_wanted({{{2}, 3}}, four_ranks()), 6);
  EXPECT_EQ(ranks_wanted({{{3}, 3}}, four_ranks()), 12);
  EXPECT_EQ(ranks_wanted({{{4}, 1}, {{}, 1}}, four_ranks()), 5);
  EXPECT_EQ(ranks_wanted({{{5}, 3}}, four_ranks()), 0);
}

TEST(RanksWanted, WhatThesePoolsDoNotHaveWantsNone) {
  AllocationPlan plan = four_ranks();
  const std::vector<WaitingJobs> waiting{{{1, {0, 0, "a100"}}, 2}, {{1, {0, 16, ""}}, 3}, {{1, {1, 0, ""}}, 4}};
  EXPECT_EQ(ranks_wanted(waiting, plan), 3);  // how much memory a rank has is not known
  plan.memory_gb = 8;
  EXPECT_EQ(ranks_wanted(waiting, plan), 0);
  plan.profile.labels = {"a100"};
  EXPECT_EQ(ranks_wanted(waiting, plan), 2);
  plan.memory_gb = 32;
  EXPECT_EQ(ranks_wanted(waiting, plan), 5);
}

TEST(RanksWanted, AGpuIsSharedAsFarAsTheJobsLetIt) {
  AllocationPlan plan = four_ranks();
  plan.gpus_per_node = 1;
  EXPECT_EQ(ranks_wanted({{{1, {1, 0, ""}}, 4}}, plan), 8);  // two at once in a pool of four ranks
  EXPECT_EQ(ranks_wanted({{{1, {0.5, 0, ""}}, 4}}, plan), 4);
  EXPECT_EQ(ranks_wanted({{{1, {0.1, 0, ""}}, 4}}, plan), 4);
  plan.device = "cpu";
  EXPECT_EQ(ranks_wanted({{{1, {0.5, 0, ""}}, 4}}, plan), 0);
  plan.device = "auto";
  plan.gpus_per_node = 0;
  plan.profile.extra = {"--gres=gpu:a100:2"};
  EXPECT_EQ(ranks_wanted({{{1, {1, 0, ""}}, 4}}, plan), 4);
}

}  // namespace
}  // namespace espalier
