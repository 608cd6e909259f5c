#include "cluster/launch/launcher_environment.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(LauncherEnvironment, IsLeftOutAndAllElseIsKept) {
  const std::vector<std::string> theirs{"OMPI_COMM_WORLD_RANK=0", "PMIX_RANK=0", "SLURM_JOBID=77", "PBS_NODEFILE=/x",
                                        "OMPI_MCA_btl=openib,self"};
  const std::vector<std::string> ours{"OPAL_PREFIX=/opt/openmpi", "SLURMS=1", "CUDA_VISIBLE_DEVICES=1", "EMPTY="};
  for (const auto* list : {&theirs, &ours}) {
    for (const std::string& one : *list) {
      const std::size_t equals = one.find('=');
      ::setenv(one.substr(0, equals).c_str(), one.substr(equals + 1).c_str(), 1);
    }
  }
  const std::vector<std::string> kept = environment_without_launcher();
  for (const std::string& one : theirs) EXPECT_EQ(std::ranges::count(kept, one), 0) << one;
  for (const std::string& one : ours) EXPECT_EQ(std::ranges::count(kept, one), 1) << one;
  for (const auto* list : {&theirs, &ours}) {
    for (const std::string& one : *list) ::unsetenv(one.substr(0, one.find('=')).c_str());
  }
}

}  // namespace
}  // namespace espalier
