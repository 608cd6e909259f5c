// The same sweep gives the same bits, whatever ran it and however often it was disturbed.
#include <chrono>
#include <cmath>
#include <signal.h>
#include <thread>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class SameBits : public SweepCase {
 protected:
  nlohmann::json run(const std::string& name, const std::string& workers) {
    const ProgramEnd end = espalier({"run", small_sweep(), "--store", store(name), "--workers", workers, "--quiet"});
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    return results_of(store(name));
  }

  /// The pids of the ranks that work on a store.
  std::vector<pid_t> ranks_of(const std::string& name) {
    std::vector<pid_t> ranks;
    for (const pid_t pid : processes_with(store(name))) {
      std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
      std::string comm;
      std::getline(in, comm);
      if (comm == "espalier-worker") ranks.push_back(pid);
    }
    return ranks;
  }
};

TEST_F(SameBits, OneTwoAndFourRanks) {
  const nlohmann::json one = run("one", "1");
  ASSERT_GT(one.size(), 20U);
  for (const nlohmann::json& row : one) {
    // Exactly the requested count, on each of them: 266,200 prunable weights of 266,610 parameters.
    const auto removed = std::llround(266200 * row["sparsity_target"].get<double>());
    EXPECT_EQ(row["params_kept"], 266610 - removed) << row;
  }
  EXPECT_EQ(run("two", "2"), one);
  EXPECT_EQ(run("four", "4"), one);
}

TEST_F(SameBits, CtrlCAndASecondRun) {
  const nlohmann::json undisturbed = run("undisturbed", "2");
  int interruptions = 0;
  for (const std::size_t results : {1, 8, 15, 22}) {
    Program program(
        espalier_command({"run", small_sweep(), "--store", store("disturbed"), "--workers", "2", "--quiet"}));
    wait_for_results(store("disturbed"), results, program);
    program.signal(SIGINT);
    const ProgramEnd end = program.wait();
    if (end.exit_code == 0) break;
    ASSERT_EQ(end.exit_code, 130) << end.out << end.err;
    EXPECT_NE(end.out.find("Run the same command again"), std::string::npos) << end.out;
    ++interruptions;
  }
  EXPECT_GT(interruptions, 0) << "the sweep was over before it could be interrupted";
  EXPECT_EQ(run("disturbed", "2"), undisturbed);
}

TEST_F(SameBits, AKilledRankCostsTimeAndNothingElse) {
  const nlohmann::json undisturbed = run("undisturbed", "2");
  Program program(espalier_command({"run", small_sweep(), "--store", store("killed"), "--workers", "2", "--quiet"}));
  wait_for_results(store("killed"), 2, program);
  const std::vector<pid_t> ranks = ranks_of("killed");
  ASSERT_EQ(ranks.size(), 2U);
  ::kill(ranks.back(), SIGKILL);
  const ProgramEnd end = program.wait();
  EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
  EXPECT_NE(end.out.find("starting it again"), std::string::npos) << end.out;
  EXPECT_EQ(results_of(store("killed")), undisturbed);
}

TEST_F(SameBits, AKilledCoordinatorIsReplacedAndItsRanksGoOn) {
  const nlohmann::json undisturbed = run("undisturbed", "2");
  {
    Program program(espalier_command({"run", small_sweep(), "--store", store("killed"), "--workers", "2", "--quiet"}));
    wait_for_results(store("killed"), 2, program);
    program.signal(SIGKILL);
    EXPECT_EQ(program.wait().exit_code, 128 + SIGKILL);
  }
  const std::vector<pid_t> ranks = ranks_of("killed");
  EXPECT_EQ(ranks.size(), 2U);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // they finish what they hold, and keep the outcomes
  EXPECT_EQ(ranks_of("killed"), ranks);
  const ProgramEnd again = espalier({"run", small_sweep(), "--store", store("killed"), "--workers", "2", "--quiet"});
  EXPECT_EQ(again.exit_code, 0) << again.out << again.err;
  EXPECT_NE(again.out.find("still runs from before"), std::string::npos) << again.out;
  EXPECT_EQ(results_of(store("killed")), undisturbed);
  EXPECT_TRUE(ranks_of("killed").empty());
  // Nothing that a live rank held was started again: every stage was begun once.
  const ProgramEnd counts = Program({"/usr/bin/sqlite3", store("killed") + "/espalier.db",
                                     "select count(*), count(distinct stage_id) from attempt_stages"
                                     " join attempts on number = attempt where started"})
                                .wait();
  EXPECT_EQ(counts.exit_code, 0) << counts.err;
  const std::size_t bar = counts.out.find('|');
  EXPECT_EQ(counts.out.substr(0, bar), counts.out.substr(bar + 1, counts.out.find('\n') - bar - 1)) << counts.out;
}

TEST_F(SameBits, AFinishedSweepAnswersAtOnce) {
  run("store", "2");
  const ProgramEnd again = espalier({"run", small_sweep(), "--store", store(), "--workers", "2"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_NE(again.out.find("every result was there already"), std::string::npos) << again.out;
  EXPECT_NE(again.out.find("magnitude"), std::string::npos) << again.out;
}

TEST_F(SameBits, CancelStopsTheSweepAndTheNextRunGoesOn) {
  const nlohmann::json undisturbed = run("undisturbed", "2");
  Program program(espalier_command({"run", small_sweep(), "--store", store("cancelled"), "--workers", "2", "--quiet"}));
  wait_for_results(store("cancelled"), 1, program);
  const ProgramEnd cancel = espalier({"cancel", "--store", store("cancelled")});
  EXPECT_EQ(cancel.exit_code, 0) << cancel.err;
  EXPECT_EQ(program.wait().exit_code, 130);
  EXPECT_EQ(run("cancelled", "2"), undisturbed);
}

}  // namespace
}  // namespace espalier
