// A coordinator that gets a signal, or loses its output's reader, ends in order.
#include <algorithm>
#include <csignal>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class Signals : public SweepCase, public testing::WithParamInterface<int> {
 protected:
  std::string sqlite(const std::string& sql) {
    const ProgramEnd end = Program({"/usr/bin/sqlite3", store() + "/espalier.db", sql}).wait();
    EXPECT_EQ(end.exit_code, 0) << end.err;
    return end.out;
  }
  void expect_left_in_order() {
    EXPECT_TRUE(processes_with(store()).empty());
    EXPECT_FALSE(std::filesystem::exists(store() + "/connection.json"));
    EXPECT_EQ(sqlite("select count(*) from attempts where ended_at is null"), "0\n");
  }
  static std::string words_of(const std::vector<std::string>& command) {
    std::string line;
    for (const std::string& word : command) line += (line.empty() ? "" : " ") + word;
    return line;
  }
};

TEST_P(Signals, ARunEndsInOrder) {
  Program run(espalier_command({"run", small_sweep(3), "--store", store(), "--workers", "2", "--quiet"}));
  wait_for_results(store(), 2, run);
  run.signal(GetParam());
  const ProgramEnd end = run.wait(60);
  EXPECT_EQ(end.exit_code, 130) << end.out << end.err;
  EXPECT_NE(end.out.find("Run the same command again"), std::string::npos) << end.out;
  expect_left_in_order();
}

INSTANTIATE_TEST_SUITE_P(OfAnEnd, Signals, testing::Values(SIGUSR1, SIGQUIT),
                         [](const auto& of) { return of.param == SIGUSR1 ? "Usr1" : "Quit"; });

using ClosedPipe = Signals;

TEST_F(ClosedPipe, ARunThatNobodyReadsGoesOn) {
  const std::string run =
      words_of(espalier_command({"run", small_sweep(), "--store", store(), "--workers", "2", "--quiet"}));
  const ProgramEnd end = Program({"/bin/bash", "-c", run + " | head -1; exit ${PIPESTATUS[0]}"}).wait(120);
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(std::count(end.out.begin(), end.out.end(), '\n'), 1) << end.out;
  EXPECT_EQ(results_of(store()).size(), 29U);
  expect_left_in_order();
}

TEST_F(ClosedPipe, WhatOnlyReadsEndsQuietly) {
  const ProgramEnd done = espalier({"run", small_sweep(), "--store", store(), "--workers", "2", "--quiet"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  for (const std::vector<std::string>& reading :
       {std::vector<std::string>{"results"}, {"compare"}, {"status"}, {"logs", "local-1", "--follow"}}) {
    std::vector<std::string> command = espalier_command(reading);
    command.insert(command.end(), {"--store", store()});
    // The reader is gone before the first byte. What follows a log must notice while the log grows.
    const std::string grows =
        "for i in 1 2 3 4 5; do sleep 0.3; echo more >> " + store() + "/logs/local-1.log; done & ";
    const ProgramEnd end =
        Program({"/bin/bash", "-c", grows + words_of(command) + " | true; exit ${PIPESTATUS[0]}"}).wait(20);
    EXPECT_TRUE(end.exit_code == 0 || end.exit_code == 141) << reading[0] << " " << end.exit_code;
    EXPECT_EQ(end.err, "") << reading[0];
  }
}

}  // namespace
}  // namespace espalier
