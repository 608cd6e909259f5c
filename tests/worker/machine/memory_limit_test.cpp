#include "worker/machine/memory_limit.h"

#include <fstream>
#include <new>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "worker/machine/out_of_memory.h"

namespace espalier {
namespace {

class MemoryTotal : public testing::Test {
 protected:
  MemoryTotal() : root_(std::filesystem::temp_directory_path() / ("espalier_memory" + std::to_string(::getpid()))) {
    write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:          100 kB\n");
  }
  ~MemoryTotal() override { std::filesystem::remove_all(root_); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  const std::filesystem::path root_;
};

TEST_F(MemoryTotal, IsTheMachinesOrWhatTheTightestCgroupLeaves) {
  EXPECT_EQ(memory_total(root_), 16000000LL * 1024);
  write("proc/self/cgroup", "0::/slurm/job_1/step\n");
  write("sys/fs/cgroup/slurm/job_1/step/memory.max", "max\n");
  EXPECT_EQ(memory_total(root_), 16000000LL * 1024);
  write("sys/fs/cgroup/slurm/job_1/memory.max", "4000000000\n");
  EXPECT_EQ(memory_total(root_), 4000000000LL);
  write("proc/self/cgroup", "4:memory:/hidden/by/the/container\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000000\n");
  EXPECT_EQ(memory_total(root_), 2000000000LL);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  EXPECT_EQ(memory_total(root_), 16000000LL * 1024);
  EXPECT_EQ(memory_total(root_ / "nowhere"), 0);
}

TEST(MemoryAllowance, IsAnEvenShareUnlessAsked) {
  const std::int64_t gb = 1000000000;
  const MemoryAllowance share = memory_allowance(-1, 20 * gb, 4);
  EXPECT_EQ(share.rank_bytes, 4500000000LL);
  EXPECT_EQ(share.alone_bytes, 18 * gb);
  EXPECT_EQ(memory_allowance(0, 20 * gb, 4).rank_bytes, 0);
  EXPECT_EQ(memory_allowance(0, 20 * gb, 4).alone_bytes, 0);
  EXPECT_EQ(memory_allowance(2.5, 20 * gb, 4).rank_bytes, 2500000000LL);
  EXPECT_EQ(memory_allowance(2.5, 20 * gb, 4).alone_bytes, 10 * gb);  // it is the user's promise to the machine
  EXPECT_EQ(memory_allowance(-1, 0, 4).rank_bytes, 0);
  EXPECT_GE(memory_allowance(-1, gb, 64).rank_bytes, gb);  // libraries reserve more than they fill
}

/// Whether a child that may have a gigabyte, or four while its job of `ranks` is alone, can have two.
bool has_two_gigabytes(bool alone, int ranks = 1) {
  const pid_t child = ::fork();
  if (child == 0) {
    MemoryLimit limit({std::int64_t{1} << 30, std::int64_t{4} << 30});
    limit.allow(alone, ranks);
    try {
      const std::vector<char> filled(std::size_t{2} << 30);
      ::_exit(filled[1000] == 0 ? 1 : 2);
    } catch (const std::bad_alloc&) {
      ::_exit(limit.describe().find(alone ? "alone" : "--memory-per-rank") != std::string::npos ? 0 : 3);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
  return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

TEST(MemoryLimit, RefusesMoreThanTheAllowance) {
  EXPECT_FALSE(has_two_gigabytes(false));
  EXPECT_TRUE(has_two_gigabytes(true));
  EXPECT_FALSE(has_two_gigabytes(true, 4));  // a gang's ranks share it
}

TEST(OutOfMemory, IsKnownByTheWordsOfLibraries) {
  EXPECT_EQ(memory_that_ran_out("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes. Error code "
                                "12 (Cannot allocate memory)"),
            MemoryKind::host);
  EXPECT_EQ(memory_that_ran_out("RuntimeError: std::bad_alloc"), MemoryKind::host);
  EXPECT_EQ(memory_that_ran_out("CUDA out of memory. Tried to allocate 2.00 GiB"), MemoryKind::accelerator);
  EXPECT_EQ(memory_that_ran_out("CUDA error: out of memory"), MemoryKind::accelerator);
  EXPECT_FALSE(memory_that_ran_out("mat1 and mat2 shapes cannot be multiplied"));
}

}  // namespace
}  // namespace espalier
