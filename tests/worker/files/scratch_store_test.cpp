#include "worker/files/scratch_store.h"

#include <cstdlib>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

using std::filesystem::perms;

class ScratchStore : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_scratch_store_test" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    if (const char* before = std::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", folder_.c_str(), 1);
  }
  void TearDown() override {
    before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path usual() const { return folder_ / ("espalier-" + std::to_string(::geteuid())); }

  std::filesystem::path folder_;
  std::string before_;
};

TEST_F(ScratchStore, IsMadeForItsOwnerAloneAndFoundAgain) {
  EXPECT_EQ(scratch_store(""), usual());
  EXPECT_EQ(std::filesystem::status(usual()).permissions(), perms(0700));
  EXPECT_EQ(scratch_store(""), usual());
  const std::filesystem::path asked = folder_ / "deep" / "scratch";
  EXPECT_EQ(scratch_store(asked.string()), asked);
  EXPECT_EQ(std::filesystem::status(asked).permissions(), perms(0700));
}

TEST_F(ScratchStore, WhatSomebodyElseMayHavePutThereIsRefused) {
  std::filesystem::create_directory(usual());
  std::filesystem::permissions(usual(), perms(0777));
  EXPECT_THROW(scratch_store(""), Error);
  std::filesystem::remove(usual());
  std::filesystem::create_directory_symlink(folder_, usual());
  EXPECT_THROW(scratch_store(""), Error);
}

TEST_F(ScratchStore, OneThatCannotBeMadeIsRefused) {
  EXPECT_THROW(scratch_store("/proc/espalier"), Error);
}

}  // namespace
}  // namespace espalier
