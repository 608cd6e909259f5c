#include "base/files.h"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_files_test" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(Files, AtomicWriteReplacesAndLeavesNothingElse) {
  write_file_atomically(folder_ / "a", "one");
  write_file_atomically(folder_ / "a", "two", 0600);
  EXPECT_EQ(read_file(folder_ / "a", 100), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Files, WhatCannotBePutInPlaceIsGone) {
  write_file_atomically(folder_ / "a", "old");
  write_file_atomically(folder_ / "draft", "new");
  put_in_place(folder_ / "draft", folder_ / "a");
  EXPECT_EQ(read_file(folder_ / "a", 100), "new");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "draft"));
  write_file_atomically(folder_ / "draft", "newer");
  EXPECT_THROW(put_in_place(folder_ / "draft", folder_ / "nowhere" / "a"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "draft"));
}

TEST_F(Files, SecretsAreForTheirOwnerAlone) {
  write_file_atomically(folder_ / "secret", "s", 0600);
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(Files, ReadingRefusesWhatIsTooLargeMissingOrAFolder) {
  write_file_atomically(folder_ / "a", std::string(1000, 'x'));
  EXPECT_THROW(read_file(folder_ / "a", 999), Error);
  EXPECT_THROW(read_file(folder_ / "b", 999), Error);
  EXPECT_THROW(read_file(folder_, 999), Error);
}

TEST_F(Files, WritingToAFullDiskIsExhausted) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  std::filesystem::create_symlink("/dev/full", folder_ / ("a.tmp" + std::to_string(::getpid())));
  try {
    write_file_atomically(folder_ / "a", "x");
    FAIL() << "a full disk went unnoticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted) << error.what();
  }
}

TEST_F(Files, ASecondLockIsRefusedWithTheHoldersName) {
  const FileLock lock(folder_ / "lock", "pid 12 on here");
  try {
    const FileLock second(folder_ / "lock", "pid 13 on there");
    FAIL() << "two locks at once";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_STREQ(error.what(), "pid 12 on here");
  }
}

}  // namespace
}  // namespace espalier
