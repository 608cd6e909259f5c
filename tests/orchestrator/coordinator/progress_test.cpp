#include "orchestrator/coordinator/progress.h"

#include <sstream>

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(ProgressText, RemainingTimeIsTheLargerOfWorkOverRanksAndLongestChain) {
  SweepStatus status;
  status.trials = 10;
  status.trials_done = 4;
  status.stages = 50;
  status.stages_done = 30;
  status.jobs_running = 2;
  status.jobs_finished = 8;
  status.ranks = 2;
  status.remaining_cost = 1000;
  status.critical_path_cost = 100;
  EXPECT_EQ(progress_text(status, 0.1, 4), "4/10 trials, 30/50 stages, 2 running, 0 failed, 2 jobs/s, about 50 s left");
  status.critical_path_cost = 900;
  EXPECT_EQ(progress_text(status, 0.1, 4),
            "4/10 trials, 30/50 stages, 2 running, 0 failed, 2 jobs/s, about 1 min 30 s left");
  EXPECT_EQ(progress_text(status, std::nullopt, 4), "4/10 trials, 30/50 stages, 2 running, 0 failed, 2 jobs/s");
}

TEST(ProgressLine, APipeGetsPlainLinesAndNotTooMany) {
  std::ostringstream out;
  ProgressLine line(out, false);
  line.update("1/3", 0);
  line.update("2/3", 1);
  line.update("3/3", 11);
  line.finish();
  EXPECT_EQ(out.str(), "1/3\n3/3\n");
}

TEST(ProgressLine, ATerminalGetsOneLineThatIsRewritten) {
  std::ostringstream out;
  ProgressLine line(out, true);
  line.update("1/3", 0);
  line.notify_user("failed: x");
  line.update("2/3", 0.1);
  line.finish();
  EXPECT_EQ(out.str(), "1/3\r\033[Kfailed: x\n1/3\r\033[K2/3\r\033[K");
}

}  // namespace
}  // namespace espalier
