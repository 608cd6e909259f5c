// Trainings that several ranks share, through every process.
#include <csignal>

#include <gtest/gtest.h>

#include "tests/e2e/program.h"
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class Gangs : public SweepCase {
 protected:
  std::string gang_sweep() {
    return write("gang.yaml",
                 "sweep: gang\n"
                 "ranks_per_trial: 2\n"
                 "dataset: {name: glyphs, train: 1500, validation: 300, test: 500}\n"
                 "model: lenet-5\n"
                 "seeds: 1\n"
                 "train: {optimizer: sgd, lr: 0.05, momentum: 0.9, batch_size: 60, epochs: 3}\n"
                 "prune: {method: magnitude, sparsity: [0.8, 0.95]}\n"
                 "retrain: {finetune: {epochs: 2}}\n"
                 "controls: [random]\n");
  }
};

TEST_F(Gangs, TheSameBitsWhicheverRanksTakePartAndWhoeverDies) {
  const std::string sweep = gang_sweep();
  const ProgramEnd two = espalier({"run", sweep, "--store", store("two"), "--workers", "2", "--quiet"});
  ASSERT_EQ(two.exit_code, 0) << two.out << two.err;

  Program disturbed(espalier_command(
      {"run", sweep, "--store", store("three"), "--workers", "3", "--checkpoint-every", "1", "--quiet"}));
  wait_for_results(store("three"), 1, disturbed);
  ASSERT_TRUE(disturbed.running()) << "the sweep was over before a rank could be killed";
  // And first their mpirun.
  const std::vector<pid_t> ranks = processes_with(std::string("espalier-worker\0--store\0", 24) + store("three"));
  ASSERT_EQ(ranks.size(), 4U);
  ::kill(ranks.back(), SIGKILL);
  const ProgramEnd three = disturbed.wait();
  ASSERT_EQ(three.exit_code, 0) << three.out << three.err;
  EXPECT_NE(three.out.find("starting it again"), std::string::npos) << three.out;
  EXPECT_EQ(results_of(store("two")), results_of(store("three")));
}

TEST_F(Gangs, APoolThatIsTooSmallIsSaidBeforeAnybodyWaitsForever) {
  const ProgramEnd end =
      espalier({"run", gang_sweep(), "--store", store(), "--workers", "1", "--set", "ranks_per_trial=4", "--quiet"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_NE(end.err.find("--workers 4"), std::string::npos) << end.err;
}

}  // namespace
}  // namespace espalier
