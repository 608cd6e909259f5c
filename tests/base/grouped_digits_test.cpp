#include "base/grouped_digits.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(GroupedDigits, ThreeByThreeFromTheRight) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

}  // namespace
}  // namespace espalier
