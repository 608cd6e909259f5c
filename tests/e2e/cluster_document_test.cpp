// Runs the commands of docs/cluster.md, on the emulated Slurm.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/e2e/document_commands.h"
#include "tests/e2e/slurm_cluster.h"
#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

const std::filesystem::path kProject = ESPALIER_SOURCE_DIR;

class ClusterDocument : public SweepCase {
 protected:
  ProgramEnd type(const std::string& line) {
    const std::string bin = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
    auto environment = cluster_->environment();
    environment["PATH"] = bin + ":" + environment["PATH"];
    return Program({"/bin/bash", "-c", line}, environment, folder_).wait();
  }
  void wait_for_a_job() {
    for (int i = 0; i < 600; ++i) {
      if (type("espalier ps --json").out.find("\"stage\"") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    FAIL() << "no pool was given a job";
  }
  std::unique_ptr<SlurmCluster> cluster_;
};

TEST_F(ClusterDocument, ItsCommands) {
  ESPALIER_NEEDS("slurm", SlurmCluster::missing().empty(),
                 "no emulated Slurm here: missing: " << SlurmCluster::missing());
  cluster_ = std::make_unique<SlurmCluster>();
  std::filesystem::create_directory_symlink(kProject / "experiments", folder_ / "experiments");
  const std::vector<std::string> commands = commands_in(kProject / "docs" / "cluster.md");
  EXPECT_GE(commands.size(), 12U);
  for (const std::string& command : commands) {
    if (command.find("--signal=USR1") != std::string::npos) wait_for_a_job();
    const ProgramEnd end = type(command);
    EXPECT_EQ(end.exit_code, 0) << command << "\n" << end.out << end.err;
  }
  // --autoscale has seen the coordinator end, and its pools.
  for (int i = 0; i < 300 && !type("squeue --noheader").out.empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(type("squeue --noheader").out, "");
  const ProgramEnd results = espalier({"results", "--store", (folder_ / "espalier-store").string(), "--json"});
  EXPECT_EQ(nlohmann::json::parse(results.out).size(), 19U);
}

}  // namespace
}  // namespace espalier
