#include "base/duration_text.h"

#include <cmath>

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(DurationText, TwoUnitsAtMost) {
  EXPECT_EQ(duration_text(3.14), "3.1 s");
  EXPECT_EQ(duration_text(41), "41 s");
  EXPECT_EQ(duration_text(200), "3 min 20 s");
  EXPECT_EQ(duration_text(7500), "2 h 05 min");
  EXPECT_EQ(duration_text(4 * 86400 + 3 * 3600), "4 d 03 h");
  EXPECT_EQ(duration_text(std::nan("")), "unknown");
}

}  // namespace
}  // namespace espalier
