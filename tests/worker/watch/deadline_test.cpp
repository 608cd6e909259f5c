#include "worker/watch/deadline.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

using namespace std::chrono_literals;

class DeadlineTest : public testing::Test {
 protected:
  Deadline::Clock::time_point at(std::chrono::seconds after) const { return started_ + after; }
  /// What the rank saw before: a training with its first step after 20 s, a checkpoint of 3 s, an evaluation of 4 s.
  void learn(Deadline& deadline) const {
    deadline.stage_began(StageKind::train, at(10s));
    deadline.first_step_taken(at(30s));
    deadline.checkpoint_written(1s);
    deadline.checkpoint_written(3s);
    deadline.stage_ended(at(100s));
    deadline.stage_began(StageKind::evaluate, at(100s));
    deadline.stage_ended(at(104s));
  }
  const Deadline::Clock::time_point started_{5000s};
};

TEST_F(DeadlineTest, WithoutALimitItNeverComes) {
  Deadline deadline(started_, 0s);
  learn(deadline);
  EXPECT_FALSE(deadline.must_leave(at(1000000s)));
  EXPECT_TRUE(deadline.may_start(StageKind::train, at(1000000s)));
}

TEST_F(DeadlineTest, WhoKnowsNothingKeepsAMargin) {
  const Deadline deadline(started_, 600s);
  EXPECT_FALSE(deadline.must_leave(at(594s)));
  EXPECT_TRUE(deadline.must_leave(at(595s)));
  EXPECT_TRUE(deadline.may_start(StageKind::prune, at(594s)));
  EXPECT_FALSE(deadline.may_start(StageKind::prune, at(595s)));
}

TEST_F(DeadlineTest, ALongCheckpointMakesItLeaveEarlier) {
  Deadline deadline(started_, 600s);
  learn(deadline);
  EXPECT_FALSE(deadline.must_leave(at(588s)));
  EXPECT_TRUE(deadline.must_leave(at(589s)));  // 600 - 2 * 3 - 5
}

TEST_F(DeadlineTest, ATrainingNeedsItsFirstStepAndOthersTheirEnd) {
  Deadline deadline(started_, 600s);
  learn(deadline);
  EXPECT_TRUE(deadline.may_start(StageKind::train, at(568s)));
  EXPECT_FALSE(deadline.may_start(StageKind::train, at(569s)));
  EXPECT_TRUE(deadline.may_start(StageKind::evaluate, at(584s)));
  EXPECT_FALSE(deadline.may_start(StageKind::evaluate, at(585s)));
  EXPECT_TRUE(deadline.may_start(StageKind::prune, at(588s)));
}

TEST_F(DeadlineTest, TheLongestOfAKindCounts) {
  Deadline deadline(started_, 600s);
  learn(deadline);
  deadline.stage_began(StageKind::evaluate, at(200s));
  deadline.stage_ended(at(201s));
  EXPECT_FALSE(deadline.may_start(StageKind::evaluate, at(585s)));
  deadline.stage_began(StageKind::evaluate, at(300s));
  deadline.stage_ended(at(330s));
  EXPECT_FALSE(deadline.may_start(StageKind::evaluate, at(559s)));
}

TEST_F(DeadlineTest, AShortLimitIsNotAllMargin) {
  const Deadline deadline(started_, 10s);
  EXPECT_FALSE(deadline.must_leave(at(8s)));
  EXPECT_TRUE(deadline.must_leave(at(9s)));
}

}  // namespace
}  // namespace espalier
