#include "worker/watch/hang_watch.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

using namespace std::chrono_literals;

/// A stage on a rank, polled every tenth of a second.
class HangWatchTest : public testing::Test {
 protected:
  void begin_stage(bool steady = true) {
    ++seen_.stage;
    seen_.steady = steady;
  }
  /// Beats `count` times with `gap` between.
  void beat(int count, std::chrono::milliseconds gap) {
    for (int i = 0; i < count; ++i) {
      EXPECT_FALSE(silent_for(gap)) << "at beat " << i;
      ++seen_.beats;
      poll();
    }
  }
  std::optional<Hang> silent_for(std::chrono::milliseconds time) {
    for (const auto end = now_ + time; now_ < end;) {
      now_ += 100ms;
      if (const auto hang = poll()) return hang;
    }
    return std::nullopt;
  }
  std::optional<Hang> poll() { return watch_.poll(now_, seen_); }

  HangWatch watch_{10s};
  WorkSeen seen_;
  HangWatch::Clock::time_point now_{1000s};
};

TEST_F(HangWatchTest, AFastStageHangsAtTheFloor) {
  begin_stage();
  beat(20, 100ms);
  EXPECT_FALSE(silent_for(9900ms));
  const auto hang = silent_for(200ms);
  ASSERT_TRUE(hang);
  EXPECT_NEAR(hang->silent.count(), 10, 0.2);
  EXPECT_NEAR(hang->longest.count(), 0.1, 0.05);
}

TEST_F(HangWatchTest, ASlowStageIsMeasuredByItself) {
  begin_stage();
  beat(10, 2s);
  EXPECT_FALSE(silent_for(99s));  // 50 times 2 s
  const auto hang = silent_for(2s);
  ASSERT_TRUE(hang);
  EXPECT_NEAR(hang->longest.count(), 2, 0.2);
}

TEST_F(HangWatchTest, BeforeTheFirstFewBeatsItIsPatient) {
  begin_stage();
  EXPECT_FALSE(silent_for(99s));
  EXPECT_TRUE(silent_for(2s));
  begin_stage();
  beat(4, 100ms);
  EXPECT_FALSE(silent_for(99s));
  EXPECT_TRUE(silent_for(2s));
}

TEST_F(HangWatchTest, LoadingIsNoStep) {
  begin_stage();
  EXPECT_FALSE(silent_for(60s));
  beat(10, 100ms);
  EXPECT_TRUE(silent_for(11s));
}

TEST_F(HangWatchTest, AStageThatIsNotSteadyIsGivenTime) {
  begin_stage(false);
  beat(50, 100ms);
  EXPECT_FALSE(silent_for(99s));
  EXPECT_TRUE(silent_for(2s));
}

TEST_F(HangWatchTest, AnotherStageBeginsAnew) {
  begin_stage();
  beat(10, 2s);
  begin_stage();
  beat(10, 100ms);
  EXPECT_TRUE(silent_for(11s));
}

TEST_F(HangWatchTest, NothingRunsAndNothingHangs) {
  EXPECT_FALSE(silent_for(500s));
  begin_stage();
  beat(10, 100ms);
  seen_.stage = 0;
  EXPECT_FALSE(silent_for(500s));
}

TEST_F(HangWatchTest, ATimeInWhichTheProcessWasStoppedDoesNotCount) {
  begin_stage();
  beat(10, 100ms);
  now_ += 3600s;
  EXPECT_FALSE(poll());
  EXPECT_FALSE(silent_for(8s));
  EXPECT_TRUE(silent_for(2s));
}

TEST_F(HangWatchTest, AFloorOfZeroSwitchesItOff) {
  HangWatch never{0s};
  never.poll(now_, {1, true, 0});
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(never.poll(now_ += 1s, {1, true, 10}));
}

}  // namespace
}  // namespace espalier
