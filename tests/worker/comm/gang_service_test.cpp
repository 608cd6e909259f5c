// Sums of two ranks over MPI: each has a compute thread that asks and waits, and its main thread sees to it.
#include "worker/comm/gang_service.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/worker/comm/two_ranks.h"

namespace espalier {
namespace {

class GangServices : public TwoRanks {
 protected:
  void handle(const Mail& mail) override {
    ASSERT_EQ(mail.tag, MailTag::gang);
    const GangNote note = decode_gang_note(mail.bytes);
    if (note.kind == GangNote::Kind::call) called_.push_back(note);
    if (note.kind == GangNote::Kind::ready) service_.on_ready(mail.from, note);
    if (note.kind == GangNote::Kind::go) service_.on_go(note);
    if (note.kind == GangNote::Kind::broken) service_.on_broken(mail.from, note);
    if (note.kind != GangNote::Kind::withdraw) return;
    service_.refuse(mail.from, {note.attempt, true});
    withdrawn_ = true;
  }
  void turn() override { service_.turn(); }

  static RunJob job(std::uint64_t attempt) { return {{attempt, {}}, false, {0, 1}}; }

  /// Runs it in a compute thread of this rank, while this one takes turns.
  void compute(const std::function<void()>& work) {
    std::atomic<bool> ended{false};
    std::thread thread([&] {
      work();
      ended = true;
    });
    pump_until([&] { return ended.load(); });
    thread.join();
  }
  /// This rank's part in a gang that adds once; the sum.
  float add_once(std::uint64_t attempt, float mine) {
    float sum = 0;
    compute([&] {
      const std::unique_ptr<Gang> gang = service_.join(job(attempt), &pulse_);
      const auto value = std::make_shared<float>(mine);
      gang->wait(gang->sum(value, 1));
      sum = *value;
      service_.leave({});
    });
    return sum;
  }
  /// Waits for a sum that never comes; why.
  std::string broken_message(
      std::uint64_t attempt, const std::function<void()>& once_it_waits = [] {}) {
    std::string message = "it was added";
    compute([&] {
      const std::unique_ptr<Gang> gang = service_.join(job(attempt), &pulse_);
      const Gang::Ticket ticket = gang->sum(std::make_shared<float>(1.0F), 1);
      once_it_waits();
      try {
        gang->wait(ticket);
      } catch (const GangBroken& error) {
        message = error.what();
      }
      service_.leave({});
    });
    return message;
  }
  static StageOutcome failed() {
    StageOutcome outcome;
    outcome.failure = Failure{ErrorKind::exhausted, "the disk is full", LossCause::error, {}};
    return outcome;
  }

  Pulse pulse_;
  std::atomic<int> nudges_{0};
  GangService service_{mailbox(), [this] { ++nudges_; }};
  std::vector<GangNote> called_;
  bool withdrawn_ = false;
};

constexpr const char* kGivenBack = "a rank of the gang gave its job back";

TEST_F(GangServices, AllMembersAreGivenTheSums) {
  compute([&] {
    const std::unique_ptr<Gang> gang = service_.join(job(1), &pulse_);
    EXPECT_EQ(gang->member(), me());
    EXPECT_EQ(gang->leads(), me() == 0);
    const std::shared_ptr<float> few(new float[2]{1, me() == 0 ? 2.0F : 5.0F}, std::default_delete<float[]>());
    const auto one = std::make_shared<double>(me() == 0 ? 0.25 : 0.5);
    const Gang::Ticket first = gang->sum(few, 2), second = gang->sum(one, 1);
    gang->wait(second);
    gang->wait(first);
    EXPECT_EQ(few.get()[0], 2);
    EXPECT_EQ(few.get()[1], 7);
    EXPECT_EQ(*one, 0.75);
    service_.leave({});
  });
  EXPECT_GE(nudges_, 4);  // join, both sums, leave
}

TEST_F(GangServices, TheLeaderPassesTheJobOn) {
  add_once(2, 1);
  meet();
  if (leads()) {
    EXPECT_TRUE(called_.empty());
    return;
  }
  ASSERT_EQ(called_.size(), 1U);
  const std::vector<RankCommand> commands = decode_commands(called_[0].bytes);
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(std::get<RunJob>(commands[0]).job.attempt, 2U);
  EXPECT_EQ(std::get<RunJob>(commands[0]).gang, (std::vector<int>{0, 1}));
}

TEST_F(GangServices, GangsOfTheSameRanksFollowEachOther) {
  EXPECT_EQ(add_once(3, 1), 2);
  EXPECT_EQ(add_once(4, me() == 0 ? 10 : 20), 30);
}

// And who waited is as ready for the next gang as who failed.
TEST_F(GangServices, WhoFailsTellsTheOthersWhy) {
  if (me() == 1) {
    compute([&] {
      service_.join(job(5), &pulse_);
      service_.leave(failed());
    });
  } else {
    EXPECT_EQ(broken_message(5), "rank 1 of the gang: the disk is full");
  }
  EXPECT_EQ(add_once(6, 2), 4);
}

TEST_F(GangServices, WhoDeclinesIsNotWaitedFor) {
  if (me() == 1) {
    service_.decline(job(7), {7, true});
  } else {
    EXPECT_EQ(broken_message(7), kGivenBack);
  }
  EXPECT_EQ(add_once(8, 3), 6);
}

// The note may be here before this rank's own job begins.
TEST_F(GangServices, AGangThatBrokeBeforeItWasJoinedIsBroken) {
  if (me() == 1) service_.decline(job(9), {9, true});
  meet();
  if (me() == 0) {
    EXPECT_EQ(broken_message(9), kGivenBack);
  }
}

TEST_F(GangServices, WhoGivesUpLetsTheOthersGo) {
  if (me() == 1) {
    compute([&] {
      const std::unique_ptr<Gang> gang = service_.join(job(10), &pulse_);
      gang->give_up();
      EXPECT_THROW(gang->wait(gang->sum(std::make_shared<float>(1.0F), 1)), GangBroken);
      service_.leave({});
    });
  } else {
    EXPECT_EQ(broken_message(10), kGivenBack);
  }
}

// Rank 1 leaves a gang whose leader has not come: only the leader can say that it may.
TEST_F(GangServices, AMemberAsksTheLeaderWhetherItMayStopWaiting) {
  if (me() == 1) {
    EXPECT_EQ(broken_message(11, [&] { service_.stop_waiting({11, true}); }), kGivenBack);
  } else {
    pump_until([&] { return withdrawn_; });
  }
}

TEST_F(GangServices, ALeaderThatWillNotRunItRefusesWhoWaits) {
  if (me() == 1) {
    EXPECT_EQ(broken_message(12), kGivenBack);
  } else {
    service_.refuse(1, {12, true});
  }
}

TEST_F(GangServices, NobodyWaitsForAServiceThatIsClosed) {
  EXPECT_EQ(broken_message(13, [&] { service_.close(); }), kGivenBack);
  EXPECT_EQ(broken_message(14), kGivenBack);
}

TEST_F(GangServices, WhoWaitsForOthersBeatsMeanwhile) {
  if (me() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(350));
  EXPECT_EQ(add_once(15, 1), 2);
  if (me() == 0) {
    EXPECT_GE(pulse_.beats(), 2U);
  }
}

}  // namespace
}  // namespace espalier
