#include "worker/watch/rank_guard.h"

#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "worker/machine/crash_notes.h"

namespace espalier {
namespace {

using namespace std::chrono_literals;

JobStage stage_of(StageKind kind) {
  JobStage stage;
  stage.key = {sha256("a stage")};
  stage.kind = kind;
  return stage;
}

GuardSettings settings_with(double hang_s, double limit_s, double grace_s) {
  GuardSettings settings;
  settings.hang_limit = GuardSettings::Seconds(hang_s);
  settings.time_limit = GuardSettings::Seconds(limit_s);
  settings.grace = GuardSettings::Seconds(grace_s);
  return settings;
}

TEST(RankGuard, KnowsWhatRunsAndWhetherItGotSomewhere) {
  RankGuard guard(settings_with(0, 0, 0));
  std::atomic<bool> stop = false;
  int outcomes = 0;
  JobCallbacks given;
  given.on_outcome = [&](StageOutcome) { ++outcomes; };
  const JobCallbacks told = guard.begin_job(9, given, stop);
  EXPECT_EQ(guard.present().attempt, 9U);
  told.on_stage(stage_of(StageKind::train));
  EXPECT_EQ(guard.present().stage, stage_of(StageKind::train).key);
  told.on_checkpoint({false, 1s});
  EXPECT_FALSE(guard.progressed());
  told.on_checkpoint({true, 1s});
  EXPECT_TRUE(guard.progressed());
  guard.end_job();
  EXPECT_EQ(guard.present().attempt, 0U);
  const JobCallbacks again = guard.begin_job(10, given, stop);
  EXPECT_FALSE(guard.progressed());
  StageOutcome failed;
  failed.failure = Failure{ErrorKind::internal, "no"};
  again.on_outcome(failed);
  EXPECT_FALSE(guard.progressed());
  again.on_outcome(StageOutcome{});
  EXPECT_TRUE(guard.progressed());
  EXPECT_EQ(outcomes, 2);
  EXPECT_FALSE(stop);
}

TEST(RankGuard, AStageThatHasNoTimeStopsItsJobAndThePoolLeaves) {
  GuardSettings settings = settings_with(0, 100, 30);
  settings.started = RankGuard::Clock::now() - 90s;
  RankGuard guard(settings);
  std::atomic<bool> stop = false;
  const JobCallbacks told = guard.begin_job(9, {}, stop);
  told.on_stage(stage_of(StageKind::init));
  EXPECT_FALSE(stop);
  told.on_checkpoint({true, 10s});
  EXPECT_TRUE(guard.must_leave(RankGuard::Clock::now()));
  told.on_stage(stage_of(StageKind::train));
  EXPECT_TRUE(stop);
  EXPECT_EQ(guard.present().stage, stage_of(StageKind::init).key);
  EXPECT_FALSE(guard.may_start({11, {stage_of(StageKind::train)}}));
}

TEST(RankGuard, TheGraceBeginsOnce) {
  RankGuard guard(settings_with(0, 0, 30));
  const RankGuard::Clock::time_point now{1000s};
  EXPECT_FALSE(guard.grace_is_over(now));
  guard.leave(now);
  guard.leave(now + 20s);
  EXPECT_FALSE(guard.grace_is_over(now + 29s));
  EXPECT_TRUE(guard.grace_is_over(now + 30s));
}

TEST(RankGuard, AHungStageEndsTheProcessWithItsNote) {
  const auto path = std::filesystem::temp_directory_path() / ("espalier_hung" + std::to_string(::getpid()));
  const pid_t child = ::fork();
  if (child == 0) {
    start_crash_notes(path);
    RankGuard guard(settings_with(0.02, 0, 0));
    std::thread([&guard] {
      const SignalStack stack;
      guard.watch_this_thread();
      std::atomic<bool> stop = false;
      const JobCallbacks told = guard.begin_job(77, {}, stop);
      told.on_stage(stage_of(StageKind::train));
      while (!stop) {
      }
    }).detach();
    for (int i = 0; i < 300; ++i) {
      guard.poll(RankGuard::Clock::now());
      std::this_thread::sleep_for(50ms);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kExitHung);
  const auto note = read_crash_note(path);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->attempt, 77U);
  EXPECT_EQ(note->cause, LossCause::hung);
  EXPECT_NE(note->message.find("--hang-limit"), std::string::npos);
  EXPECT_FALSE(note->backtrace.empty());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace espalier
