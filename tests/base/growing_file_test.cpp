#include "base/growing_file.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/base/full_disk.h"
#include "tests/needs.h"

namespace espalier {
namespace {

class GrowingFiles : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_growing_" + std::to_string(::getpid()));
  const std::filesystem::path temporary_ = folder_ / "coming" / "1";
};

TEST_F(GrowingFiles, TakesItsNameWhenItIsWhole) {
  {
    GrowingFile file(temporary_);
    file.append("thrown away");
    file.clear();
    file.append("one ");
    file.append("two");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "deep" / "file"));
    file.put(folder_ / "deep" / "file");
  }
  EXPECT_EQ(read_file(folder_ / "deep" / "file", 100), "one two");
  EXPECT_FALSE(std::filesystem::exists(temporary_));
}

TEST_F(GrowingFiles, LeavesNothingIfItDoesNot) {
  { GrowingFile(temporary_).append("half"); }
  EXPECT_FALSE(std::filesystem::exists(temporary_));
}

TEST_F(GrowingFiles, AFullDiskIsNamed) {
  std::filesystem::create_directories(folder_);
  const bool had_disk = on_small_disk(folder_, 1 << 16, [&] {
    GrowingFile file(temporary_);
    try {
      file.append(std::string(1 << 18, 'x'));
      ADD_FAILURE() << "a full disk took everything";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::exhausted) << error.what();
    }
  });
  ESPALIER_NEEDS("mount", had_disk, "we may not mount here; run the tests as root");
}

TEST_F(GrowingFiles, WhatIsThereAlreadyIsNotWrittenThrough) {
  std::filesystem::create_directories(temporary_.parent_path());
  std::filesystem::create_symlink(folder_ / "elsewhere", temporary_);
  EXPECT_THROW(GrowingFile{temporary_}, Error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
}

}  // namespace
}  // namespace espalier
