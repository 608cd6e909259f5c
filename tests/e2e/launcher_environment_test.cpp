// A pool of this machine starts whatever is set around it.
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class WithinALauncher : public SweepCase {
 protected:
  std::vector<std::string> run(const std::string& name) {
    return espalier_command(
        {"run", small_sweep(), "--store", store(name), "--workers", "2", "--quiet", "--pool-starts", "1"});
  }
};

TEST_F(WithinALauncher, AnAllocationOfOtherNodesAndAnOddTransportAreNotItsOwn) {
  const ProgramEnd end = Program(run("store"), {{"SLURM_JOBID", "77"},
                                                {"SLURM_JOB_ID", "77"},
                                                {"SLURM_NNODES", "1"},
                                                {"SLURM_NODELIST", "node17"},
                                                {"SLURM_TASKS_PER_NODE", "4"},
                                                {"PBS_JOBID", "5"},
                                                {"PBS_ENVIRONMENT", "PBS_BATCH"},
                                                {"OMPI_MCA_btl", "openib,self"}})
                             .wait(120);
  EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
}

TEST_F(WithinALauncher, MpirunMayStartTheCoordinator) {
  std::vector<std::string> command{"/usr/bin/mpirun", "-np", "1"};
  for (const std::string& word : run("store")) command.push_back(word);
  const ProgramEnd end =
      Program(command, {{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}}).wait(120);
  EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
}

}  // namespace
}  // namespace espalier
