#include "base/file_lock.h"

#include <atomic>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/base/other_user.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::HasSubstr;

class FileLocks : public testing::Test {
 protected:
  std::string refusal() const {
    try {
      const FileLock lock(path_, "pid 13 on there");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  const SharedFolder folder_{"espalier_locks_"};
  const std::filesystem::path path_ = folder_.path() / "lock";
};

TEST_F(FileLocks, ASecondOneIsRefusedWithTheHoldersName) {
  const FileLock lock(path_, "pid 12 on here");
  try {
    const FileLock second(path_, "pid 13 on there");
    FAIL() << "two locks at once";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_STREQ(error.what(), "pid 12 on here");
  }
}

TEST_F(FileLocks, AreForTheirOwnerAlone) {
  write_file_atomically(path_, "of an earlier version", 0644);
  const FileLock lock(path_, "pid 12 on here");
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(FileLocks, NobodyElseCanHoldOne) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be two users; run the tests as root");
  { const FileLock lock(path_, "pid 12 on here"); }
  EXPECT_EQ(as_other_user([&] {
              if (::open(path_.c_str(), O_RDONLY) >= 0) throw std::runtime_error("it can be opened, and so be held");
            }),
            "");
  EXPECT_EQ(refusal(), "");
}

TEST_F(FileLocks, OneThatSomebodyElsePutThereIsRefused) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be two users; run the tests as root");
  write_file_atomically(path_, "", 0644);
  EXPECT_THAT(as_other_user([&] { const FileLock lock(path_, "pid 13"); }),
              HasSubstr("this lock belongs to another user (0)"));
}

TEST_F(FileLocks, ALinkIsRefused) {
  std::filesystem::create_symlink(folder_.path() / "elsewhere", path_);
  EXPECT_THAT(refusal(), HasSubstr("is no regular file where a lock belongs"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "elsewhere"));
}

// Who has the lock removes its file. Somebody who had opened that one may then lock it, while the next makes another.
TEST_F(FileLocks, AFileThatWasRemovedMeanwhileIsNotTakenForTheLock) {
  std::atomic<int> holders{0}, taken{0}, most{0};
  const auto take_and_remove = [&] {
    for (int i = 0; i < 10000; ++i) {
      const int lock = try_file_lock(path_);
      if (lock < 0) continue;
      if (++holders > 1) most = 2;
      ++taken;
      std::this_thread::yield();
      --holders;
      ::unlink(path_.c_str());
      ::close(lock);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(take_and_remove);
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(most, 2) << "two had the lock at once";
}

}  // namespace
}  // namespace espalier
