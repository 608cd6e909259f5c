// What hangs before it has begun.
#include <cstdlib>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class StartLimit : public SweepCase {
 protected:
  std::string pretend(const std::string& name, const std::string& text) {
    const std::string path = write(name, "#!/bin/sh\n" + text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
};

TEST_F(StartLimit, ALauncherThatStartsNobodyIsGivenUpByName) {
  pretend("mpirun", "exec sleep 1000\n");
  const ProgramEnd end = Program(espalier_command({"run", small_sweep(), "--store", store(), "--workers", "2",
                                                   "--start-limit", "1", "--pool-starts", "2"}),
                                 {{"PATH", folder_.string() + ":" + std::getenv("PATH")}})
                             .wait(60);
  EXPECT_EQ(end.exit_code, 3) << end.out << end.err;
  EXPECT_NE(end.out.find("pool local-1 has not joined within 1 s of its start"), std::string::npos) << end.out;
  EXPECT_NE(end.err.find("did not join within 1 s 2 times in a row"), std::string::npos) << end.err;
}

TEST_F(StartLimit, ARankWhoseFellowsNeverComeEndsWithASentence) {
  const auto bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string rank =
      pretend("rank", "[ $OMPI_COMM_WORLD_RANK = 1 ] && exec sleep 1000\nexec " + (bin / "espalier-worker").string() +
                          " --store " + store() + " --start-limit 2\n");
  const ProgramEnd end = Program({"/usr/bin/mpirun", "-np", "2", "--oversubscribe", "--bind-to", "none", rank},
                                 {{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}})
                             .wait(60);
  EXPECT_NE(end.exit_code, 0);
  EXPECT_LT(end.seconds, 30) << end.out << end.err;
  EXPECT_NE(end.err.find("MPI did not start within --start-limit"), std::string::npos) << end.out << end.err;
}

}  // namespace
}  // namespace espalier
