#include "base/rare_log.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(RareLog, SaysTheFirstAtOnceAndTheOthersOnceAMinute) {
  RareLog log;
  EXPECT_TRUE(log.count("10.0.0.1:1", 1000));
  EXPECT_EQ(log.sum_up("unauthenticated connections", 1061), "");  // there were no others
  EXPECT_TRUE(log.count("10.0.0.1:2", 1061));
  for (int i = 0; i < 37'000; ++i) EXPECT_FALSE(log.count("10.0.0.1:3", 1062));
  EXPECT_EQ(log.sum_up("unauthenticated connections", 1100), "");
  EXPECT_FALSE(log.count("10.0.0.1:4: it said nothing", 1121));
  EXPECT_EQ(log.sum_up("unauthenticated connections", 1121),
            "37,001 more unauthenticated connections in the last minute, the last 10.0.0.1:4: it said nothing");
  EXPECT_EQ(log.sum_up("unauthenticated connections", 1200), "");
  EXPECT_TRUE(log.count("10.0.0.1:5", 1200));
}

}  // namespace
}  // namespace espalier
