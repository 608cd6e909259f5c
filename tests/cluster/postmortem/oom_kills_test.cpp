#include "cluster/postmortem/oom_kills.h"

#include <fstream>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cluster/postmortem/cgroup.h"

namespace espalier {
namespace {

class OomKills : public testing::Test {
 protected:
  OomKills() : root_(std::filesystem::temp_directory_path() / ("espalier_oom_kills" + std::to_string(::getpid()))) {}
  ~OomKills() override { std::filesystem::remove_all(root_); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  const std::filesystem::path root_;
};

TEST_F(OomKills, AMachineThatTellsNothingHasNone) {
  EXPECT_EQ(oom_kills_so_far(root_), 0);
  write("proc/vmstat", "nr_free_pages 17\n");
  EXPECT_EQ(oom_kills_so_far(root_), 0);
}

TEST_F(OomKills, TheMachinesAndTheGroupsOfVersion2) {
  write("proc/vmstat", "nr_free_pages 17\noom_kill 3\nnuma_hit 5\n");
  EXPECT_EQ(oom_kills_so_far(root_), 3);
  write("proc/self/cgroup", "0::/slurm/job_7\n");
  write("sys/fs/cgroup/slurm/job_7/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n");
  EXPECT_EQ(oom_kills_so_far(root_), 4);
  write("sys/fs/cgroup/slurm/memory.events", "low 0\noom 9\noom_kill 8\noom_group_kill 0\n");
  EXPECT_EQ(oom_kills_so_far(root_), 12);
}

TEST_F(OomKills, TheGroupsOfVersion1) {
  write("proc/self/cgroup", "4:memory:/box\n3:cpuset:/\n0::/\n");
  write("sys/fs/cgroup/memory/box/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  EXPECT_EQ(oom_kills_so_far(root_), 2);
}

TEST_F(OomKills, AGroupIsFollowedUpToTheMount) {
  write("proc/self/cgroup", "4:cpu,memory:/a/b\n7:pids:/a\n");
  const std::filesystem::path mount = root_ / "sys/fs/cgroup/memory";
  EXPECT_EQ(memory_cgroups(root_), (std::vector<std::filesystem::path>{mount / "a/b", mount / "a", mount}));
}

// The list as this machine's kernel writes it, with a number that is not by chance the right one.
TEST_F(OomKills, ThisKernelsListIsReadToItsEnd) {
  std::ifstream vmstat("/proc/vmstat");
  std::string text;
  for (std::string line; std::getline(vmstat, line);) {
    if (!line.starts_with("oom_kill ")) text += line + "\n";
  }
  ASSERT_NE(text, "");
  write("proc/vmstat", text + "oom_kill 17\n");
  EXPECT_EQ(oom_kills_so_far(root_), 17);
}

}  // namespace
}  // namespace espalier
