#include "cluster/launch/local_pool_process.h"

#include <csignal>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file_lock.h"
#include "tests/base/other_user.h"
#include "tests/cluster/auth/store_folder.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::HasSubstr;

/// A launcher of a pool that sleeps: what it is asked to start is of no concern here.
class PoolSupervisor : public testing::Test {
 protected:
  void SetUp() override {
    pool_.name = "local-1";
    pool_.mpirun = script("sleeps", "#!/bin/sh\nexec sleep 600\n");
    pool_.store = folder_.paths().root;
    pool_.log = folder_ / "log";
    pool_.lock = folder_.paths().pool_lock(pool_.name);
    pool_.identity = folder_.paths().pool_identity(pool_.name);
  }
  void TearDown() override {
    if (bystander_ <= 0) return;
    ::kill(bystander_, SIGKILL);
    ::waitpid(bystander_, nullptr, 0);
  }
  std::filesystem::path script(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
    return folder_ / name;
  }
  std::string lock_text() const {
    std::ifstream in(pool_.lock);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Of a process of ours that is no pool.
  pid_t bystander() {
    bystander_ = ::fork();
    if (bystander_ == 0) {
      ::pause();
      ::_exit(0);
    }
    return bystander_;
  }
  bool bystander_lives() const { return ::waitpid(bystander_, nullptr, WNOHANG) == 0; }
  static void wait_for_end(LocalPoolProcess& pool) {
    for (int i = 0; i < 500 && !pool.poll_end(); ++i) ::usleep(10000);
    ASSERT_TRUE(pool.poll_end());
  }

  const StoreFolder folder_;
  LocalPool pool_;
  pid_t bystander_ = 0;
};

TEST_F(PoolSupervisor, TheLockNamesTheProcessWhileItRunsAndNobodyAfterwards) {
  LocalPoolProcess pool(pool_);
  for (int i = 0; i < 500 && lock_text().empty(); ++i) ::usleep(10000);
  EXPECT_THAT(lock_text(), testing::MatchesRegex(std::to_string(pool.pid()) + " [0-9]+\n"));
  pool.kill();
  wait_for_end(pool);
  EXPECT_EQ(lock_text(), "");
}

TEST_F(PoolSupervisor, OneThatStillRunsIsTakenOverAndCanBeKilled) {
  LocalPoolProcess first(pool_);
  for (int i = 0; i < 500 && lock_text().empty(); ++i) ::usleep(10000);
  LocalPoolProcess second(pool_);
  EXPECT_TRUE(second.taken_over());
  EXPECT_EQ(second.pid(), first.pid());
  second.kill();
  wait_for_end(first);
  wait_for_end(second);
}

TEST_F(PoolSupervisor, WhoHasTheNumberOfAnEndedPoolIsNotKilled) {
  std::filesystem::create_directories(pool_.lock.parent_path());
  for (const char* start : {" 1\n", "\n"}) {  // another process's start, or none, as earlier versions wrote
    const FileLock held(pool_.lock, std::to_string(bystander()) + start);
    LocalPoolProcess pool(pool_);
    EXPECT_TRUE(pool.taken_over());
    pool.kill();
    ::usleep(50000);
    EXPECT_TRUE(bystander_lives());
    TearDown();
  }
}

TEST_F(PoolSupervisor, ALockOfAnotherUserIsRefused) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be two users; run the tests as root");
  std::filesystem::create_directories(pool_.lock.parent_path());
  ::chmod(pool_.lock.parent_path().c_str(), 0777);
  const std::string pid = std::to_string(bystander());
  ASSERT_EQ(as_other_user([&] { std::ofstream(pool_.lock) << pid << "\n"; }), "");
  try {
    LocalPoolProcess pool(pool_);
    FAIL() << "a foreign lock was believed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("this lock belongs to another user (65534)"));
  }
  EXPECT_TRUE(bystander_lives());
}

}  // namespace
}  // namespace espalier
