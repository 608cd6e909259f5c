#include "orchestrator/pools/autoscaler.h"

#include <set>

#include <gmock/gmock.h>

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A scheduler that is only a list, and a clock.
class Story : public testing::Test {
 protected:
  ScaleActions poll(OpenWork work) {
    ScaleActions actions = scaler_.decide(
        work, listing_,
        [this](const std::string& id) {
          return worked_.contains(id)   ? PoolHistory::worked
                 : joined_.contains(id) ? PoolHistory::joined
                                        : PoolHistory::unseen;
        },
        now_);
    for (std::int64_t i = 0; i < actions.submit; ++i) {
      const std::string id = std::to_string(next_++);
      listing_.push_back({id, AllocationState::queued, "PENDING", "Priority"});
      scaler_.on_submitted(id, now_);
    }
    for (const std::string& id : actions.cancel) end(id, "CANCELLED");
    return actions;
  }
  BatchJobRow& row(const std::string& id) { return *std::ranges::find(listing_, id, &BatchJobRow::id); }
  void begin(const std::string& id, bool given_a_job = true) {
    row(id).state = AllocationState::running;
    joined_.insert(id);
    if (given_a_job) worked_.insert(id);
  }
  void end(const std::string& id, const std::string& word) {
    row(id).state = AllocationState::ended;
    row(id).word = word;
  }
  void forget(const std::string& id) {
    std::erase_if(listing_, [&](const auto& one) { return one.id == id; });
  }
  void wait(double seconds) { now_ += seconds; }

  Autoscaler scaler_{{0, 3, 4}};
  std::vector<BatchJobRow> listing_;
  std::set<std::string> joined_, worked_;
  double now_ = 1000;
  int next_ = 1;
};

TEST_F(Story, FromNothingToWhatTheWorkCanUseAndBack) {
  EXPECT_EQ(poll({false, 0}).submit, 0);
  EXPECT_EQ(poll({false, 5}).submit, 2);  // pools of four ranks
  EXPECT_EQ(poll({false, 5}).submit, 0);
  EXPECT_EQ(poll({false, 100}).submit, 1);  // three at most
  begin("1");
  begin("2");
  begin("3");
  EXPECT_FALSE(poll({true, 0}).done);
  for (const char* id : {"1", "2", "3"}) end(id, "COMPLETED");
  const ScaleActions last = poll({true, 0});
  EXPECT_TRUE(last.done);
  EXPECT_EQ(last.lines.size(), 3U);
  EXPECT_THAT(last.give_up_on, "");
}

TEST_F(Story, WhatIsTooManyForAWhileIsCancelledYoungestFirstAndNeverWhatRuns) {
  poll({false, 12});
  begin("1");
  EXPECT_THAT(poll({false, 4}).cancel, IsEmpty());
  wait(Autoscaler::kSurplusSeconds - 1);
  EXPECT_THAT(poll({false, 8}).cancel, IsEmpty());
  wait(1);
  EXPECT_THAT(poll({false, 8}).cancel, ElementsAre("3"));
  poll({false, 8});
  poll({false, 0});
  wait(Autoscaler::kSurplusSeconds);
  EXPECT_THAT(poll({false, 0}).cancel, ElementsAre("2"));
  EXPECT_THAT(poll({false, 0}).cancel, IsEmpty());
}

TEST_F(Story, WorkThatComesBackInTimeKeepsThem) {
  poll({false, 12});
  poll({false, 0});
  wait(Autoscaler::kSurplusSeconds - 1);
  poll({false, 12});
  wait(2);
  EXPECT_THAT(poll({false, 0}).cancel, IsEmpty());
}

TEST_F(Story, AFinishedSweepCancelsWhatWaitsAtOnce) {
  poll({false, 12});
  EXPECT_THAT(poll({true, 0}).cancel, ElementsAre("3", "2", "1"));
  EXPECT_TRUE(poll({true, 0}).done);
}

TEST_F(Story, PoolsThatEndBeforeTheyJoinAreGivenUpAfterThreeInARow) {
  poll({false, 4});
  end("1", "FAILED");
  ScaleActions actions = poll({false, 4});
  EXPECT_EQ(actions.submit, 0);  // not at once
  EXPECT_THAT(actions.lines, ElementsAre(HasSubstr("pool 1 ended: FAILED, before it joined the coordinator")));
  wait(5);
  EXPECT_EQ(poll({false, 4}).submit, 1);
  end("2", "FAILED");
  poll({false, 4});
  wait(5);
  EXPECT_EQ(poll({false, 4}).submit, 0);  // twice as long
  wait(5);
  EXPECT_EQ(poll({false, 4}).submit, 1);
  forget("3");
  EXPECT_EQ(poll({false, 4}).give_up_on, "");  // it may not be listed yet
  wait(31);
  EXPECT_EQ(poll({false, 4}).give_up_on, "3");
}

TEST_F(Story, SeveralThatWereSubmittedTogetherAreOneFailure) {
  poll({false, 12});
  for (const char* id : {"1", "2", "3"}) {
    end(id, "FAILED");
    EXPECT_EQ(poll({false, 0}).give_up_on, "");
    wait(10);
  }
  EXPECT_EQ(poll({false, 12}).submit, 3);
}

TEST_F(Story, WhatEndedOutOfSightIsNoFailure) {
  for (int i = 0; i < 5; ++i) {
    poll({false, 4});  // it joins, works, ends, and is forgotten before the next look
    forget(std::to_string(next_ - 1));
    wait(600);
    const ScaleActions actions = poll({false, 0});
    EXPECT_EQ(actions.give_up_on, "");
    EXPECT_THAT(actions.lines, ElementsAre("pool " + std::to_string(next_ - 1) + " is not listed any more"));
  }
}

TEST_F(Story, WhatStartedWhileTheCoordinatorWasAwayIsNoFailure) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(poll({false, 4}).submit, 1);
    scaler_.on_trouble(now_);
    end(std::to_string(next_ - 1), "FAILED");
    EXPECT_EQ(poll({false, 0}).give_up_on, "");
    scaler_.on_answer();
  }
}

TEST_F(Story, OneThatJoinedClearsTheCountAndOthersAreInnocent) {
  for (const char* word : {"FAILED", "FAILED", "NODE_FAIL", "FAILED", "FAILED", "CANCELLED", "FAILED"}) {
    wait(1000);
    poll({false, 4});
    end(std::to_string(next_ - 1), word);
    EXPECT_EQ(poll({false, 4}).give_up_on, "") << word;
  }
  wait(1000);
  poll({false, 4});
  begin(std::to_string(next_ - 1));
  end(std::to_string(next_ - 1), "FAILED");  // a job crashed it: that is the job's account
  EXPECT_EQ(poll({false, 4}).give_up_on, "");
}

TEST_F(Story, WhyAPoolWaitsIsSaidOnceUnlessItIsItsTurnThatItWaitsFor) {
  poll({false, 4});
  EXPECT_THAT(poll({false, 4}).lines, IsEmpty());
  row("1").reason = "PartitionTimeLimit";
  EXPECT_THAT(poll({false, 4}).lines, ElementsAre("pool 1 waits in the queue: PartitionTimeLimit"));
  EXPECT_THAT(poll({false, 4}).lines, IsEmpty());
  row("1").reason = "Resources";
  EXPECT_THAT(poll({false, 4}).lines, IsEmpty());
}

TEST_F(Story, AnEarlierCommandsPoolsCount) {
  listing_.push_back({"90", AllocationState::running, "RUNNING", "None"});
  listing_.push_back({"80", AllocationState::ended, "FAILED", "NonZeroExitCode"});  // before our time
  const ScaleActions actions = poll({false, 8});
  EXPECT_EQ(actions.submit, 1);
  EXPECT_THAT(actions.lines, IsEmpty());
}

TEST_F(Story, AtLeastSoManyEvenWithoutWork) {
  Autoscaler scaler({1, 3, 4});
  const auto unseen = [](const std::string&) { return PoolHistory::unseen; };
  const ScaleActions one = scaler.decide({false, 0}, {}, unseen, 0);
  EXPECT_EQ(one.submit, 1);
  EXPECT_EQ(one.submit_to_stay, 1);
  const ScaleActions three = scaler.decide({false, 12}, {}, unseen, 0);
  EXPECT_EQ(three.submit, 3);
  EXPECT_EQ(three.submit_to_stay, 1);
  scaler.on_submitted("1", 0);
  EXPECT_EQ(scaler.decide({false, 12}, {}, unseen, 0).submit_to_stay, 0);
}

TEST_F(Story, PoolsThatWereGivenNothingAreNotSoonFollowedByOthers) {
  for (const double pause : {60, 120, 240}) {
    EXPECT_EQ(poll({false, 8}).submit, 2);
    for (int id = next_ - 2; id < next_; ++id) {
      begin(std::to_string(id), false);
      wait(70);
      poll({false, 8});
      end(std::to_string(id), "COMPLETED");
    }
    const ScaleActions actions = poll({false, 8});  // the first of the two counts
    EXPECT_EQ(actions.submit, 0);
    EXPECT_THAT(actions.lines, ElementsAre(HasSubstr("without ever having been given a job; the next beyond 0")));
    wait(pause - 1);
    EXPECT_EQ(poll({false, 8}).submit, 0);
    wait(1);
  }
  EXPECT_EQ(poll({false, 8}).submit, 2);
  begin(std::to_string(next_ - 1));
  end(std::to_string(next_ - 1), "COMPLETED");
  EXPECT_EQ(poll({false, 8}).submit, 1);
}

TEST_F(Story, APoolThatWasGivenNothingIsForgottenAfterAWhile) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(poll({false, 4}).submit, 1);
    begin(std::to_string(next_ - 1), false);
    end(std::to_string(next_ - 1), "COMPLETED");
    EXPECT_THAT(poll({false, 0}).lines, ElementsAre(HasSubstr("is submitted in 60 s")));
    wait(7201);
  }
}

TEST_F(Story, AsManyAsAreToBeThereDoNotWait) {
  Autoscaler scaler({1, 3, 4});
  scaler.on_submitted("1", now_);
  const ScaleActions actions = scaler.decide(
      {false, 8}, {{"1", AllocationState::ended, "COMPLETED", "None"}},
      [](const std::string&) { return PoolHistory::joined; }, now_);
  EXPECT_EQ(actions.submit, 1);
}

TEST_F(Story, ASchedulerInTroubleIsLeftAloneLongerEachTime) {
  EXPECT_EQ(scaler_.quiet_until(), 0);
  for (const double seconds : {5, 10, 20, 40, 80, 160, 300, 300}) {
    scaler_.on_trouble(now_);
    EXPECT_EQ(scaler_.quiet_until(), now_ + seconds);
  }
  scaler_.on_answer();
  scaler_.on_trouble(now_);
  EXPECT_EQ(scaler_.quiet_until(), now_ + 5);
}

}  // namespace
}  // namespace espalier
