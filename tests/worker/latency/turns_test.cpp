#include "worker/latency/turns.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace espalier {
namespace {

/// Networks whose passes take as long as is said, on a clock of the test's.
class PretendNetworks {
 public:
  TimedNetwork network(const std::string& name, double pass_ms, double drift = 0) {
    return {name, [this, name, pass_ms, drift](std::int64_t passes) {
              order_ += name[0];
              return static_cast<double>(passes) * pass_ms * (1 + drift * static_cast<double>(order_.size()));
            }};
  }
  std::string order_;
};

TEST(Turns, GoForwardAndBackAndSettleOnTheRatio) {
  PretendNetworks pretend;
  const LatencyMeasurement measured =
      measure_in_turns({pretend.network("dense", 4), pretend.network("pruned", 1), pretend.network("twin", 2)}, {});
  EXPECT_TRUE(measured.settled);
  ASSERT_EQ(measured.networks.size(), 3U);
  for (const NetworkTimes& times : measured.networks) EXPECT_EQ(times.samples_ms.size(), 10U) << times.network;
  EXPECT_TRUE(pretend.order_.ends_with("dpttpddpttpd")) << pretend.order_;
  EXPECT_EQ(measured.networks[0].median_ms, 4);
  EXPECT_EQ(measured.networks[0].speedup, 1);
  EXPECT_EQ(measured.networks[1].speedup, 4);
  EXPECT_EQ(measured.networks[1].speedup_low, 4);
  EXPECT_EQ(measured.networks[2].speedup, 2);
  EXPECT_EQ(measured.networks[2].p90_ms, 2);
}

/// A machine that slows down while it is measured slows the first and the last of a turn alike.
TEST(Turns, AMachineThatBecomesSlowerFavorsNone) {
  PretendNetworks pretend;
  const LatencyMeasurement measured =
      measure_in_turns({pretend.network("dense", 3, 0.01), pretend.network("pruned", 3, 0.01)}, {0.2});
  EXPECT_NEAR(measured.networks[1].speedup, 1, 1e-9);
}

TEST(Turns, EndAtTheTimeLimitAndSayThatTheIntervalIsWide) {
  RandomStream random(0, "test");
  const auto wild = [&](std::int64_t passes) { return static_cast<double>(passes) * std::exp(random.normal()); };
  const LatencyMeasurement measured = measure_in_turns({{"dense", wild}, {"pruned", wild}}, {0.05});
  EXPECT_FALSE(measured.settled);
  EXPECT_GE(measured.networks[0].samples_ms.size(), 2U);
  EXPECT_LT(measured.networks[1].speedup_low, measured.networks[1].speedup_high);
}

TEST(Turns, ShortPassesAreRepeatedUntilTheClockSeesThem) {
  std::int64_t most = 0;
  const auto quick = [&](std::int64_t passes) {
    most = std::max(most, passes);
    return static_cast<double>(passes) * 0.001;
  };
  const LatencyMeasurement measured = measure_in_turns({{"dense", quick}, {"pruned", quick}}, {});
  EXPECT_EQ(measured.networks[0].median_ms, 0.001);
  EXPECT_EQ(most, 20'000);  // 20 ms while it warms up
}

TEST(Turns, StopWhenAsked) {
  PretendNetworks pretend;
  const LatencyMeasurement measured = measure_in_turns({pretend.network("dense", 4)}, {60, [] { return true; }});
  EXPECT_TRUE(measured.networks[0].samples_ms.empty());
}

}  // namespace
}  // namespace espalier
