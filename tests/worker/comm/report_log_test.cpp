#include "worker/comm/report_log.h"

#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.h"
#include "cluster/files/spool.h"

namespace espalier {
namespace {

class ReportLogs : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string ready(const std::string& environment) {
    return encode(std::vector<RankReport>{RankReady{environment, "node", {}}});
  }
  static std::string ended(std::uint64_t attempt) { return encode(std::vector<RankReport>{JobEnded{attempt, false}}); }
  static std::string progress() { return encode(std::vector<RankReport>{JobProgress{1, {}, 5, 10, 0.5}}); }
  /// The frames on disk by number.
  std::vector<std::uint64_t> on_disk() const {
    std::vector<std::uint64_t> numbers;
    for (const SpoolEntry& entry : read_spool(folder_)) numbers.push_back(entry.reports.frame.sequence);
    return numbers;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_report_log_" + std::to_string(::getpid()));
  ReportLog log_{folder_, "pool"};
};

using Numbers = std::vector<std::uint64_t>;

TEST_F(ReportLogs, NumbersFramesFromOneAndForgetsWhatIsRecorded) {
  EXPECT_EQ(log_.append(0, ended(1)).sequence, 1U);
  EXPECT_EQ(log_.append(3, ended(2)).sequence, 2U);
  EXPECT_EQ(log_.append(0, ended(3)).sequence, 3U);
  EXPECT_EQ(log_.kept()[1].rank, 3);
  log_.forget(2);
  ASSERT_EQ(log_.kept().size(), 1U);
  EXPECT_EQ(log_.kept()[0].sequence, 3U);
  log_.forget(100);
  EXPECT_TRUE(log_.kept().empty());
  EXPECT_EQ(log_.append(0, ended(4)).sequence, 4U);
}

TEST_F(ReportLogs, ProgressIsNotKeptForLater) {
  EXPECT_FALSE(log_.append_lasting(0, progress()));
  EXPECT_TRUE(log_.kept().empty());
  EXPECT_TRUE(
      log_.append_lasting(0, encode(std::vector<RankReport>{JobProgress{1, {}, 5, 10, 0.5}, JobEnded{1, true}})));
  const std::vector<RankReport> reports = decode_reports(log_.kept().front().reports);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(std::get<JobEnded>(reports[0]).interrupted);
}

TEST_F(ReportLogs, IntroductionsAreDroppedAndNumbersStay) {
  log_.append(0, ready("{}"));
  log_.append(0, encode(std::vector<RankReport>{RankReady{"{}", "node", {}}, JobEnded{7, false}}));
  log_.drop_introductions();
  ASSERT_EQ(log_.kept().size(), 2U);
  EXPECT_TRUE(decode_reports(log_.kept()[0].reports).empty());
  ASSERT_EQ(decode_reports(log_.kept()[1].reports).size(), 1U);
  EXPECT_EQ(std::get<JobEnded>(decode_reports(log_.kept()[1].reports)[0]).attempt, 7U);
  EXPECT_EQ(log_.kept()[1].sequence, 2U);
}

TEST_F(ReportLogs, WhatIsWrittenDownHasItsRanksEnvironment) {
  log_.append(1, ready(R"({"host": "a"})"));
  log_.append(2, ended(5));  // of one that never said
  log_.forget(1);
  log_.append(1, ended(6));
  log_.spool();
  const std::vector<SpoolEntry> entries = read_spool(folder_);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].reports.environment, "");
  EXPECT_EQ(entries[0].reports.frame.rank, 2);
  EXPECT_EQ(entries[1].reports.environment, R"({"host": "a"})");
  EXPECT_EQ(entries[1].reports.frame.sequence, 3U);
  EXPECT_EQ(entries[1].reports.frame.reports, ended(6));
}

TEST_F(ReportLogs, EachIsWrittenOnceAndGoesWhenItIsRecorded) {
  log_.append(0, ended(1));
  log_.append(0, ended(2));
  log_.spool();
  EXPECT_EQ(on_disk(), (Numbers{1, 2}));
  std::filesystem::remove(spool_file(folder_, "pool", 1));  // a coordinator took it in
  log_.append(0, ended(3));
  log_.spool();
  EXPECT_EQ(on_disk(), (Numbers{2, 3}));
  log_.forget(2);
  EXPECT_EQ(on_disk(), Numbers{3});
  log_.forget(3);
  EXPECT_EQ(on_disk(), Numbers{});
}

TEST_F(ReportLogs, WhatCouldNotBeWrittenIsWrittenWithTheNextCall) {
  write_file_atomically(folder_, "a file where the folder should be");
  log_.append(0, ended(1));
  log_.spool();
  std::filesystem::remove(folder_);
  log_.spool();
  EXPECT_EQ(on_disk(), Numbers{1});
  EXPECT_EQ(log_.kept().size(), 1U);
}

}  // namespace
}  // namespace espalier
