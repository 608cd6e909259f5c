// Somebody kills ranks, mpirun and the coordinator, breaks connections and sends everybody home, again and again.
#include <sstream>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class Chaos : public SweepCase {};

TEST_F(Chaos, ThirtyFaultsChangeNoBit) {
  std::vector<std::string> command{"chaos", small_sweep(), "--folder", (folder_ / "chaos").string(), "--json"};
  std::istringstream options(
      "--workers 2 --set train.epochs=20 --seed 7 --beat 1 --faults 32 --at-least 30 --limit 900 --kill-rank 0.12"
      " --kill-pool 0.12 --kill-coordinator 0.12 --drop-connection 0.16 --preempt 0.12");
  for (std::string word; options >> word;) command.push_back(word);
  const ProgramEnd end = Program(espalier_command(command)).wait(1200);
  ASSERT_EQ(end.exit_code, 0) << end.out << end.err;
  const nlohmann::json report = nlohmann::json::parse(end.out);
  EXPECT_EQ(report["violations"], nlohmann::json::array());
  EXPECT_EQ(report["trials"], 58);
  int faults = 0;
  for (const auto& [kind, count] : report["faults"].items()) {
    EXPECT_GE(count.get<int>(), 1) << kind;
    faults += count.get<int>();
  }
  EXPECT_GE(faults, 30) << end.out;
  EXPECT_GE(report["coordinator_starts"], 2);
  EXPECT_EQ(espalier({"db", "check", "--store", (folder_ / "chaos" / "disturbed-1").string()}).exit_code, 0);
}

TEST_F(Chaos, AFaultyOptionIsRefused) {
  EXPECT_EQ(espalier({"chaos", small_sweep(), "--kill-rank", "2"}).exit_code, 2);
  EXPECT_EQ(espalier({"chaos", small_sweep(), "--folder", store(), "--at-least", "9", "--faults", "8"}).exit_code, 2);
  EXPECT_EQ(espalier({"chaos", write("bad.yaml", "sweep: bad\n"), "--folder", store()}).exit_code, 2);
}

}  // namespace
}  // namespace espalier
