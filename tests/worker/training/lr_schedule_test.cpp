#include "worker/training/lr_schedule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

TEST(LrSchedule, ConstantAndWarmup) {
  LrScheduleSpec schedule;
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0.1, 1000), 0.1);
  schedule.warmup_steps = 4;
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0.1, 0), 0.025);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0.1, 3), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0.1, 4), 0.1);
}

TEST(LrSchedule, StepDropsAtEachMilestone) {
  const LrScheduleSpec schedule{.shape = "step", .milestones = {10, 20}, .gamma = 0.1};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1, 9), 1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1, 10), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1, 25), 0.1 * 0.1);
}

TEST(LrSchedule, CosineGoesFromOneToNothing) {
  const LrScheduleSpec schedule{.shape = "cosine", .milestones = {}, .total_steps = 100};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 2, 0), 2);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 2, 50), 1);
  EXPECT_NEAR(learning_rate(schedule, 2, 100), 0, 1e-15);
}

TEST(LrSchedule, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(learning_rate({.shape = "cosin", .milestones = {}}, 1, 0), Error);
  EXPECT_THROW(learning_rate({.shape = "cosine", .milestones = {}}, 1, 0), Error);
}

}  // namespace
}  // namespace espalier
