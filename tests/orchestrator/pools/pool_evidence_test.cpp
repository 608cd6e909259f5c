#include "orchestrator/pools/pool_evidence.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cluster/postmortem/crash_note.h"
#include "orchestrator/coordinator/free_space.h"

namespace espalier {
namespace {

TEST(PoolEvidence, OpenMpiNamesTheRankThatDiedFirst) {
  const auto four = culprit_in_log(
      "mpirun noticed that process rank 2 with PID 4711 on node vm exited on signal 11 (Segmentation fault).\n");
  ASSERT_TRUE(four.has_value());
  EXPECT_EQ(four->rank, 2);
  EXPECT_EQ(four->signal, SIGSEGV);
  const auto five = culprit_in_log(
      "prterun noticed that process rank 4 with PID 9 on node a.b-c exited on signal 15 (Terminated).\n"
      "prterun noticed that process rank 10 with PID 25480 on node a.b-c exited on\nsignal 9 (Killed).");
  ASSERT_TRUE(five.has_value());
  EXPECT_EQ(five->rank, 10);
  EXPECT_FALSE(culprit_in_log("process rank 1 with PID 7 on node vm exited on signal 15 (Terminated)."));
  EXPECT_FALSE(culprit_in_log(""));
}

class PoolEvidenceFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_evidence_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary | std::ios::app) << text;
  }
  std::filesystem::path folder_;
};

TEST_F(PoolEvidenceFiles, ANoteIsReadAndAnOlderPoolsIsNot) {
  write("local-1.rank0.crash",
        "espalier-crash 1\nattempt 7\nstage -\nsignal 11\ncause signal\nmessage old\nbacktrace\n");
  std::filesystem::last_write_time(folder_ / "local-1.rank0.crash",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  write("local-1.log", "mpirun noticed that process rank 0 with PID 1 on node vm exited on signal 11 (x).\n");
  const PoolEvidence evidence(folder_, "local-1", 2);
  write("local-1.rank1.log", "the last words\n");
  EXPECT_TRUE(evidence.gather({9, std::nullopt, "was killed"}).culprits.empty());  // what was said before counts not
  write("local-1.rank1.crash",
        "espalier-crash 1\nattempt 9\nstage -\nsignal 6\ncause signal\nmessage abort\nbacktrace\nmain+0x1\n");
  const PoolEnd end = evidence.gather({std::nullopt, 134, "exited with code 134"});
  ASSERT_EQ(end.culprits.size(), 1U);
  EXPECT_EQ(end.culprits[0].rank, 1);
  EXPECT_EQ(end.culprits[0].attempt, 9U);
  EXPECT_EQ(end.culprits[0].signal, SIGABRT);
  EXPECT_EQ(end.culprits[0].backtrace, "main+0x1\n");
  EXPECT_EQ(end.exit_code, 134);
  ASSERT_EQ(end.logs.size(), 2U);
  EXPECT_EQ(end.logs[1], "the last words\n");
}

TEST_F(PoolEvidenceFiles, LastLinesBeginWithALine) {
  write("log", "first line\nsecond line\nthird\n");
  EXPECT_EQ(last_lines(folder_ / "log", 1000), "first line\nsecond line\nthird\n");
  EXPECT_EQ(last_lines(folder_ / "log", 10), "third\n");
  EXPECT_EQ(last_lines(folder_ / "log", 1000, 11), "second line\nthird\n");
  EXPECT_EQ(last_lines(folder_ / "none", 10), "");
}

TEST(Room, MemoryIsReadFromWhatTheSystemSays) {
  EXPECT_DOUBLE_EQ(memory_left("MemTotal:  2000 kB\nMemFree:  10 kB\nMemAvailable:   500 kB\n"), 0.25);
  EXPECT_DOUBLE_EQ(memory_left("nothing of the kind"), 1);
  EXPECT_EQ(lack_of_space("/nonexistent"), "");
}

}  // namespace
}  // namespace espalier
