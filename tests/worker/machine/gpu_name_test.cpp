#include "worker/machine/gpu_name.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(GpuName, IsTheNumberOnTheMachine) {
  EXPECT_EQ(gpu_name(0, {}), "cuda:0");
  EXPECT_EQ(gpu_name(3, {}), "cuda:3");
  EXPECT_EQ(gpu_name(1, {"4,6", ""}), "cuda:6");  // two pools that were given a GPU each by hand
  EXPECT_EQ(gpu_name(5, {"4,6", ""}), "cuda:5");
  EXPECT_EQ(gpu_name(1, {"GPU-8f2,GPU-77a", "17"}), "GPU-77a");
}

// Inside a job's cgroup every first GPU has the number 0.
TEST(GpuName, OfTwoJobsAreNeverTheSame) {
  EXPECT_EQ(gpu_name(0, {"0", "17"}), "cuda:0 of job 17");
  EXPECT_NE(gpu_name(0, {"0", "17"}), gpu_name(0, {"0", "18"}));
  EXPECT_EQ(gpu_name(0, {"", "17"}), gpu_name(0, {"", "17"}));
}

}  // namespace
}  // namespace espalier
