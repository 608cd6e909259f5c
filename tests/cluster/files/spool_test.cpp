#include "cluster/files/spool.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/base/other_user.h"

namespace espalier {
namespace {

class SpoolFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_spool_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static SpooledReports reports(std::uint64_t sequence) {
    StageOutcome outcome;
    outcome.key.digest = sha256("stage");
    outcome.attempt = sequence;
    const std::vector<RankReport> said{StageReached{outcome}};
    return {"{\"host\": \"a\"}", {3, encode(said), sequence}};
  }
  std::filesystem::path folder_;
};

TEST_F(SpoolFolder, WhatAPoolWroteDownIsReadInItsOrder) {
  EXPECT_TRUE(read_spool(folder_).empty());
  for (const std::uint64_t sequence : {11U, 2U, 2U}) write_spooled(folder_, "\x01\xff", reports(sequence));
  const std::vector<SpoolEntry> entries = read_spool(folder_);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].reports.frame.sequence, 2U);
  EXPECT_EQ(entries[1].reports.frame.sequence, 11U);
  EXPECT_EQ(entries[0].reports.environment, "{\"host\": \"a\"}");
  EXPECT_EQ(entries[0].reports.frame.rank, 3);
  const std::vector<RankReport> said = decode_reports(entries[0].reports.frame.reports);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(std::get<StageReached>(said[0]).outcome.attempt, 2U);
  EXPECT_EQ(entries[0].file, spool_file(folder_, "\x01\xff", 2));
}

TEST_F(SpoolFolder, ADamagedFileIsSetAsideAndTheRestIsRead) {
  write_spooled(folder_, "a", reports(1));
  write_spooled(folder_, "b", reports(1));
  std::filesystem::resize_file(spool_file(folder_, "a", 1), 20);
  std::ofstream(folder_ / "notes.txt") << "not ours";
  EXPECT_EQ(read_spool(folder_).size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(spool_file(folder_, "a", 1).string() + ".damaged"));
  EXPECT_EQ(read_spool(folder_).size(), 1U);
}

// Where a umask lets a group write the folder, say.
TEST_F(SpoolFolder, WhatAnotherUserMayHaveWrittenIsNotBelieved) {
  write_spooled(folder_, "a", reports(1));
  write_spooled(folder_, "b", reports(1));
  std::filesystem::permissions(spool_file(folder_, "a", 1), std::filesystem::perms::group_write,
                               std::filesystem::perm_options::add);
  std::size_t left = 1;
  if (can_be_other_user()) {
    ASSERT_EQ(::chown(spool_file(folder_, "b", 1).c_str(), kOtherUser, kOtherUser), 0);
    left = 0;
  }
  EXPECT_EQ(read_spool(folder_).size(), left);
  EXPECT_TRUE(std::filesystem::exists(spool_file(folder_, "a", 1).string() + ".damaged"));
}

}  // namespace
}  // namespace espalier
