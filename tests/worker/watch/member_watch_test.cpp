#include "worker/watch/member_watch.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

using namespace std::chrono_literals;

class MemberWatchTest : public testing::Test {
 protected:
  /// The gateway polls ten times a second, and gets messages of these ranks.
  std::optional<MemberWatch::Silent> pass(std::chrono::seconds time, const std::vector<int>& senders) {
    for (const auto end = now_ + time; now_ < end;) {
      now_ += 100ms;
      for (const int rank : senders) watch_.on_message(rank, now_);
      if (const auto silent = watch_.poll(now_)) return silent;
    }
    return std::nullopt;
  }
  MemberWatch watch_{4, 30s};
  MemberWatch::Clock::time_point now_{1000s};
};

TEST_F(MemberWatchTest, OneThatStopsTalkingIsNamedWithItsWork) {
  const StageKey key{sha256("a stage")};
  EXPECT_FALSE(pass(100s, {1, 2, 3}));
  watch_.heartbeat(2, encode_heartbeat({17, key}), now_);
  EXPECT_FALSE(pass(29s, {1, 3}));
  const auto silent = pass(2s, {1, 3});
  ASSERT_TRUE(silent);
  EXPECT_EQ(silent->rank, 2);
  EXPECT_NEAR(silent->seconds.count(), 30, 0.2);
  EXPECT_EQ(silent->work.attempt, 17U);
  EXPECT_EQ(silent->work.stage, key);
}

TEST_F(MemberWatchTest, TheGatewaysOwnStopDoesNotCount) {
  EXPECT_FALSE(pass(20s, {1, 2, 3}));
  now_ += 3600s;
  EXPECT_FALSE(watch_.poll(now_));
  EXPECT_FALSE(pass(20s, {1, 2, 3}));
}

TEST_F(MemberWatchTest, OneThatLeftMayBeSilent) {
  watch_.left(1);
  watch_.left(2);
  EXPECT_FALSE(pass(100s, {3}));
}

TEST_F(MemberWatchTest, ALimitOfZeroMissesNobody) {
  MemberWatch patient(2, 0s);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(patient.poll(now_ += 1s));
}

TEST_F(MemberWatchTest, HeartbeatsComeBackAsTheyWent) {
  const StageKey key{sha256("a stage")};
  EXPECT_EQ(decode_heartbeat(encode_heartbeat({5, key})).stage, key);
  EXPECT_EQ(decode_heartbeat(encode_heartbeat({5, {}})).attempt, 5U);
  EXPECT_FALSE(decode_heartbeat(encode_heartbeat({5, {}})).stage);
  for (const char* noise : {"", "x", "5", "5 ", "5 zz", "-1 -", "5-"}) EXPECT_EQ(decode_heartbeat(noise).attempt, 0U);
}

TEST_F(MemberWatchTest, ABeatASecond) {
  HeartbeatClock clock;
  int beats = 0;
  for (int i = 0; i < 100; ++i) beats += clock.is_due(now_ += 100ms) ? 1 : 0;
  EXPECT_EQ(beats, 10);
}

}  // namespace
}  // namespace espalier
