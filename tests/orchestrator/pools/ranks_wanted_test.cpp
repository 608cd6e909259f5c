#include "orchestrator/pools/ranks_wanted.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

BatchRequest four_ranks() {
  BatchRequest request;
  request.nodes = 2;
  request.ranks_per_node = 2;
  return request;
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
  BatchRequest request = four_ranks();
  const std::vector<WaitingJobs> waiting{{{1, {0, 0, "a100"}}, 2}, {{1, {0, 16, ""}}, 3}, {{1, {1, 0, ""}}, 4}};
  EXPECT_EQ(ranks_wanted(waiting, request), 3);  // how much memory a rank has is not known
  request.memory_gb = 8;
  EXPECT_EQ(ranks_wanted(waiting, request), 0);
  request.profile.labels = {"a100"};
  EXPECT_EQ(ranks_wanted(waiting, request), 2);
  request.memory_gb = 32;
  EXPECT_EQ(ranks_wanted(waiting, request), 5);
}

TEST(RanksWanted, AGpuIsSharedAsFarAsTheJobsLetIt) {
  BatchRequest request = four_ranks();
  request.gpus_per_node = 1;
  EXPECT_EQ(ranks_wanted({{{1, {1, 0, ""}}, 4}}, request), 8);  // two at once in a pool of four ranks
  EXPECT_EQ(ranks_wanted({{{1, {0.5, 0, ""}}, 4}}, request), 4);
  EXPECT_EQ(ranks_wanted({{{1, {0.1, 0, ""}}, 4}}, request), 4);
  request.device = "cpu";
  EXPECT_EQ(ranks_wanted({{{1, {0.5, 0, ""}}, 4}}, request), 0);
  request.device = "auto";
  request.gpus_per_node = 0;
  request.profile.extra = {"--gres=gpu:a100:2"};
  EXPECT_EQ(ranks_wanted({{{1, {1, 0, ""}}, 4}}, request), 4);
}

}  // namespace
}  // namespace espalier
