// Real processes in place of mpirun; time is an argument.
#include "orchestrator/pools/pool_supervisor.h"

#include <fstream>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/error.h"

namespace espalier {
namespace {

using testing::HasSubstr;

class LocalPoolsThatHang : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_local_pools_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    pool_.name = "local-1";
    pool_.mpirun = folder_ / "mpirun";
    pool_.log = folder_ / "local-1.log";
    pool_.lock = folder_ / "local-1.lock";
    pool_.identity = folder_ / "local-1.identity";
    std::ofstream(pool_.mpirun) << "#!/bin/sh\nexec sleep 1000\n";
    std::filesystem::permissions(pool_.mpirun, std::filesystem::perms::owner_all);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  LocalPool pool_;
};

TEST_F(LocalPoolsThatHang, BeforeTheyJoinAreNamedKilledAndGivenUp) {
  PoolSupervisor pools({pool_}, 2, 5);
  pools.start();
  std::string lines_seen;
  try {
    for (double now = 100; now < 10'000; now += 0.5) {
      for (const std::string& line : pools.restart_ended(0, now)) lines_seen += line + "\n";
      ASSERT_TRUE(now >= 105 || lines_seen.empty()) << lines_seen;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL() << "never given up: " << lines_seen;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("pool local-1 did not join within 5 s 2 times in a row"));
  }
  EXPECT_THAT(lines_seen, HasSubstr("pool local-1 has not joined within 5 s of its start: it hangs, and is killed"));
  EXPECT_THAT(lines_seen, HasSubstr("did not join within 5 s; starting it again"));
  EXPECT_FALSE(pools.any_running());
}

TEST_F(LocalPoolsThatHang, OnceTheyJoinedAreLeftAlone) {
  PoolSupervisor pools({pool_}, 2, 5);
  pools.start();
  pools.on_joined("local-1");
  for (double now = 100; now < 200; now += 1) EXPECT_TRUE(pools.restart_ended(0, now).empty());
  EXPECT_TRUE(pools.any_running());
}

TEST_F(LocalPoolsThatHang, AreNotChargedWithWhatTheCoordinatorSlept) {
  PoolSupervisor pools({pool_}, 2, 5);
  pools.start();
  EXPECT_TRUE(pools.restart_ended(0, 100).empty());
  EXPECT_TRUE(pools.restart_ended(0, 100'000).empty());
  EXPECT_TRUE(pools.any_running());
}

}  // namespace
}  // namespace espalier
