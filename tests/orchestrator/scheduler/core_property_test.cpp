// Random sweeps and random events, and after each event what must hold whatever happened: no rank idles beside work
// that is more urgent, pools are kept free only for what they can run, who must be alone is, and in the end all is
// done.
#include <gtest/gtest.h>

#include "tests/orchestrator/scheduler/core_property_life.h"

namespace espalier {
namespace {

class CoreProperty : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CoreProperty, HoldsWhateverHappens) {
  for (std::uint64_t life = 0; life < 200; ++life) {
    CoreLife one(GetParam() * 1000 + life);
    ASSERT_EQ(one.live(500), "") << "seed " << GetParam() << ", life " << life;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CoreProperty, testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace espalier
