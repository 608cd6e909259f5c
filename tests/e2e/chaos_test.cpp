// Somebody kills ranks, mpirun and the coordinator, breaks connections and sends everybody home, again and again.
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class Chaos : public SweepCase {};

TEST_F(Chaos, ThirtyFaultsChangeNoBit) {
  const ProgramEnd end = Program(espalier_command({"chaos",
                                                   small_sweep(),
                                                   "--folder",
                                                   (folder_ / "chaos").string(),
                                                   "--workers",
                                                   "2",
                                                   "--set",
                                                   "train.epochs=20",
                                                   "--faults",
                                                   "32",
                                                   "--beat",
                                                   "1",
                                                   "--kill-rank",
                                                   "0.12",
                                                   "--kill-pool",
                                                   "0.08",
                                                   "--kill-coordinator",
                                                   "0.12",
                                                   "--drop-connection",
                                                   "0.2",
                                                   "--preempt",
                                                   "0.12",
                                                   "--seed",
                                                   "7",
                                                   "--limit",
                                                   "900",
                                                   "--json"}))
                             .wait(1200);
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
  EXPECT_EQ(espalier({"db", "check", "--store", (folder_ / "chaos" / "disturbed").string()}).exit_code, 0);
}

TEST_F(Chaos, AFaultyOptionIsRefused) {
  EXPECT_EQ(espalier({"chaos", small_sweep(), "--kill-rank", "2"}).exit_code, 2);
  EXPECT_EQ(espalier({"chaos", write("bad.yaml", "sweep: bad\n"), "--folder", store()}).exit_code, 2);
}

}  // namespace
}  // namespace espalier
