#include "cluster/connection/unproven_limit.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(UnprovenLimit, LeavesMostFilesToPoolsAndClients) {
  EXPECT_EQ(most_unproven(1'000'000), 64U);
  EXPECT_EQ(most_unproven(64), 16U);
  EXPECT_EQ(most_unproven(0), 1U);
}

}  // namespace
}  // namespace espalier
