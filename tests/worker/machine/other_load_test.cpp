#include "worker/machine/other_load.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace espalier {
namespace {

class OtherLoadTest : public testing::Test {
 protected:
  OtherLoadTest() { std::filesystem::create_directories(root_ / "proc"); }
  ~OtherLoadTest() override { std::filesystem::remove_all(root_); }
  void write(const std::string& line) { std::ofstream(root_ / "proc/stat") << line << "\ncpu0 1 1 1 1\n"; }

  const std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("espalier_load_" + std::to_string(::getpid()));
};

TEST_F(OtherLoadTest, CountsWhatRunsButNotWhatIdlesNorThisProcess) {
  write("cpu 1000 0 0 50000 7 0 0 0 0 0");
  const OtherLoad load(root_);
  const auto start = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  // Twelve seconds of processors in user, system and steal; a minute idle or waiting for disks.
  const long ticks = ::sysconf(_SC_CLK_TCK);
  write("cpu " + std::to_string(1000 + 6 * ticks) + " 0 " + std::to_string(4 * ticks) + " " +
        std::to_string(50000 + 50 * ticks) + " " + std::to_string(7 + 10 * ticks) + " 0 0 " +
        std::to_string(2 * ticks) + " 0 0");
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_NEAR(load.cores() * wall, 12, 1.5);
}

TEST_F(OtherLoadTest, IsNoneWhereTheSystemDoesNotSay) {
  EXPECT_EQ(OtherLoad(root_).cores(), 0);
}

TEST(OtherLoad, ReadsThisMachine) {
  const OtherLoad load;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GE(load.cores(), 0);
  EXPECT_LT(load.cores(), 10'000);
}

}  // namespace
}  // namespace espalier
