#include "base/files.h"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/sha256.h"
#include "tests/base/full_disk.h"
#include "tests/needs.h"

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

TEST_F(Files, WhatWasOpenedIsLookedAtBeforeItIsRead) {
  write_file_atomically(folder_ / "a", "one");
  const auto refuse_long = [](const struct stat& status) {
    if (status.st_size > 2) throw Error(ErrorKind::numeric, "too long");
  };
  EXPECT_THROW(read_file(folder_ / "a", 100, Readable::file, refuse_long), Error);
  write_file_atomically(folder_ / "a", "1");
  EXPECT_EQ(read_file(folder_ / "a", 100, Readable::file, refuse_long), "1");
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

// None of these may hang, or be read until memory is full.
TEST_F(Files, ReadingRefusesWhatIsNoFile) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const std::filesystem::path& path : {folder_ / "pipe", std::filesystem::path("/dev/zero")}) {
    try {
      read_file(path, 999);
      FAIL() << "read " << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_EQ(error.what(), path.string() + ": is not a regular file");
    }
    EXPECT_THROW(sha256_file(path), Error);
  }
  EXPECT_THROW(read_file("/dev/zero", 999, Readable::pipe_too), Error);
}

TEST_F(Files, APipeIsReadToItsEndAndItsLimitWhereItIsWelcome) {
  const std::filesystem::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto read_what_is_written = [&](std::uintmax_t limit) {
    std::thread writer([&] { std::ofstream(pipe) << std::string(1000, 'x'); });
    std::string bytes;
    try {
      bytes = read_file(pipe, limit, Readable::pipe_too);
    } catch (const Error& error) {
      bytes = error.what();
    }
    writer.join();
    return bytes;
  };
  EXPECT_EQ(read_what_is_written(1000), std::string(1000, 'x'));
  EXPECT_EQ(read_what_is_written(999), pipe.string() + ": more than the 999 bytes allowed here");
}

TEST_F(Files, WritingToAFullDiskIsExhausted) {
  const bool had_disk = on_small_disk(folder_, 1 << 16, [&] {
    write_file_atomically(folder_ / "a", "old");
    try {
      write_file_atomically(folder_ / "a", std::string(1 << 18, 'x'));
      ADD_FAILURE() << "a full disk went unnoticed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::exhausted) << error.what();
    }
    EXPECT_EQ(read_file(folder_ / "a", 100), "old");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
  });
  ESPALIER_NEEDS("mount", had_disk, "we may not mount here; run the tests as root");
}

}  // namespace
}  // namespace espalier
