// Somebody kills ranks, mpirun and the coordinator, breaks connections and sends everybody home, again and again.
#include <sstream>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class Chaos : public SweepCase {
 protected:
  /// 29 trials a seed, run undisturbed and then under so many faults, of which two may fail to strike.
  nlohmann::json report_of(int seeds, int faults) {
    std::vector<std::string> command{"chaos",    small_sweep(seeds),     "--folder",   (folder_ / "chaos").string(),
                                     "--faults", std::to_string(faults), "--at-least", std::to_string(faults - 2)};
    std::istringstream options(
        "--json --workers 2 --set train.epochs=20 --seed 7 --beat 1 --limit 900 --kill-rank 0.12 --kill-pool 0.12"
        " --kill-coordinator 0.12 --drop-connection 0.16 --preempt 0.12");
    for (std::string word; options >> word;) command.push_back(word);
    const ProgramEnd end = Program(espalier_command(command)).wait(1200);
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    nlohmann::json report = nlohmann::json::parse(end.out);
    EXPECT_EQ(report["violations"], nlohmann::json::array());
    EXPECT_EQ(report["trials"], 29 * seeds);
    int struck = 0;
    for (const auto& [kind, count] : report["faults"].items()) struck += count.get<int>();
    EXPECT_GE(struck, faults - 2) << end.out;
    EXPECT_EQ(espalier({"db", "check", "--store", (folder_ / "chaos" / "disturbed-1").string()}).exit_code, 0);
    return report;
  }
};

TEST_F(Chaos, TenFaultsChangeNoBit) {
  report_of(1, 12);
}

class LongChaos : public Chaos {};

TEST_F(LongChaos, ThirtyFaultsChangeNoBit) {
  const nlohmann::json report = report_of(2, 32);
  for (const auto& [kind, count] : report["faults"].items()) EXPECT_GE(count.get<int>(), 1) << kind;
  EXPECT_GE(report["coordinator_starts"], 2);
}

TEST_F(Chaos, AFaultyOptionIsRefused) {
  EXPECT_EQ(espalier({"chaos", small_sweep(), "--kill-rank", "2"}).exit_code, 2);
  EXPECT_EQ(espalier({"chaos", small_sweep(), "--folder", store(), "--at-least", "9", "--faults", "8"}).exit_code, 2);
  EXPECT_EQ(espalier({"chaos", write("bad.yaml", "sweep: bad\n"), "--folder", store()}).exit_code, 2);
}

}  // namespace
}  // namespace espalier
