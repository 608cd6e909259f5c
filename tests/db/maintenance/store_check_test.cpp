#include "db/maintenance/store_check.h"

#include <fstream>
#include <unistd.h>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "db/maintenance/store_repair.h"
#include "tests/db/maintenance/artifact_files.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StoreCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    store_.emplace(root_);
    store_->record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
    store_->apply(finish_all_with_files(paths_, sample_.graph));
  }

  const Stage& stage(SampleStage role) const { return sample_.graph.stages[role]; }
  std::filesystem::path artifact(SampleStage role) const { return paths_.artifact(stage(role).key); }
  std::vector<FindingKind> kinds() const {
    std::vector<FindingKind> kinds;
    for (const Finding& finding : check_store(root_).findings) kinds.push_back(finding.kind);
    return kinds;
  }
  Finding only_finding() const {
    const StoreCheck check = check_store(root_);
    EXPECT_EQ(check.findings.size(), 1U);
    EXPECT_EQ(check.damages, 1);
    return check.findings.empty() ? Finding{} : check.findings.front();
  }
  bool done(SampleStage role) { return store_->done_stages(sample_.graph)[role]; }

  TemporaryFolder folder_;
  std::filesystem::path root_ = folder_.path / "store";
  StorePaths paths_{root_};
  SampleSweep sample_ = make_sample_sweep(1);
  std::optional<Store> store_;
};

TEST_F(StoreCheckTest, ASoundStoreHasNothingToTell) {
  const StoreCheck check = check_store(root_);  // while its coordinator has it
  EXPECT_THAT(check.findings, IsEmpty());
  EXPECT_EQ(check.artifacts, 7);
  EXPECT_GT(check.artifact_bytes, 7U);
  store_.reset();
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(StoreCheckTest, AFlippedByteIsFoundAndNamed) {
  std::string text = stage(prune).label;
  text[3] = static_cast<char>(text[3] ^ 1);
  write_text(artifact(prune), text);
  const Finding found = only_finding();
  EXPECT_EQ(found.kind, FindingKind::artifact_damaged);
  EXPECT_EQ(found.where, artifact(prune));
  EXPECT_EQ(found.stage, to_hex(stage(prune).key));
  EXPECT_THAT(found.what, AllOf(HasSubstr("prune magnitude seed 0"), HasSubstr("SHA-256")));
  EXPECT_THAT(found.remedy, HasSubstr("--repair"));
}

TEST_F(StoreCheckTest, ATruncatedFileIsFoundAndNamed) {
  std::filesystem::resize_file(artifact(trained), 5);
  const Finding found = only_finding();
  EXPECT_EQ(found.kind, FindingKind::artifact_damaged);
  EXPECT_EQ(found.where, artifact(trained));
  EXPECT_THAT(found.what, HasSubstr("has 5 bytes, not the 20 recorded"));
}

TEST_F(StoreCheckTest, ADeletedFileIsFoundAndNamed) {
  std::filesystem::remove(artifact(init));
  const Finding found = only_finding();
  EXPECT_EQ(found.kind, FindingKind::artifact_missing);
  EXPECT_EQ(found.where, artifact(init));
}

TEST_F(StoreCheckTest, AFolderInAnArtifactsPlaceIsNotReadAsOne) {
  std::filesystem::remove(artifact(init));
  std::filesystem::create_directories(artifact(init));
  EXPECT_EQ(only_finding().kind, FindingKind::artifact_unreadable);
}

TEST_F(StoreCheckTest, WhatIsInTheWayOfNothingIsANote) {
  const StageKey unknown{sha256("unknown")};
  const std::string dead = ".tmp999999999", alive = ".tmp" + std::to_string(::getpid()) + "-0a1b2c3d";
  write_text(paths_.artifact(unknown), "x");                  // orphan
  write_text(with_ending(artifact(init), dead), "x");         // leftover
  write_text(with_ending(artifact(init), alive), "x");        // nothing: it is being written
  write_text(with_ending(artifact(early), ".damaged"), "x");  // set aside
  write_text(paths_.artifacts() / "notes.txt", "x");          // foreign
  write_text(paths_.checkpoint(stage(early).key), "x");       // old checkpoint
  write_text(resume_state(paths_, stage(early)), "x");        // nothing
  const StoreCheck check = check_store(root_);
  EXPECT_EQ(check.damages, 0);
  EXPECT_THAT(kinds(), testing::UnorderedElementsAre(FindingKind::orphan, FindingKind::leftover, FindingKind::set_aside,
                                                     FindingKind::foreign_file, FindingKind::old_checkpoint));
}

// As after a log of which SQLite had to drop the end.
TEST_F(StoreCheckTest, AnArtifactWhoseOutcomeIsLostIsANote) {
  store_.reset();
  SQLite::Database(paths_.database().string(), SQLite::OPEN_READWRITE)
      .exec("UPDATE stages SET state = 'waiting' WHERE key = '" + to_hex(stage(early).key) + "'");
  const StoreCheck check = check_store(root_);
  EXPECT_EQ(check.damages, 0);
  ASSERT_EQ(check.findings.size(), 1U);
  EXPECT_EQ(check.findings.front().kind, FindingKind::unrecorded);
  EXPECT_EQ(check.findings.front().where, artifact(early));
}

TEST_F(StoreCheckTest, ABrokenReferenceIsDamage) {
  store_.reset();
  SQLite::Database(paths_.database().string(), SQLite::OPEN_READWRITE)
      .exec("PRAGMA foreign_keys = OFF; DELETE FROM models");
  const StoreCheck check = check_store(root_);
  ASSERT_GE(check.damages, 1);
  EXPECT_EQ(check.findings[0].kind, FindingKind::reference_broken);
  EXPECT_THAT(check.findings[0].what, HasSubstr("models"));
}

// Half of a page has other bytes, as after a write that the power cut short; page by page through the file.
TEST_F(StoreCheckTest, ATornPageIsFoundWhereverItIs) {
  store_.reset();
  // A page that nothing uses, of a table that a migration dropped, may have any bytes.
  SQLite::Database(paths_.database().string(), SQLite::OPEN_READWRITE).exec("VACUUM");
  constexpr std::uintmax_t kPage = 4096;
  const std::uintmax_t pages = std::filesystem::file_size(paths_.database()) / kPage;
  ASSERT_GT(pages, 30U);
  const std::string whole = [&] {
    std::ifstream in(paths_.database(), std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  }();
  for (std::uintmax_t page = 0; page < pages; ++page) {
    std::string torn = whole;
    torn.replace(page * kPage, kPage / 2, std::string(kPage / 2, '\x5a'));
    write_text(paths_.database(), torn);
    const StoreCheck check = check_store(root_);
    EXPECT_GT(check.damages, 0) << "page " << page;
    if (check.findings.empty()) continue;
    EXPECT_EQ(check.findings[0].kind, FindingKind::database_damaged) << "page " << page;
    EXPECT_EQ(check.findings[0].where, paths_.database());
    EXPECT_THAT(check.findings[0].remedy, HasSubstr("restore a backup"));
  }
}

TEST_F(StoreCheckTest, NoStoreIsTheUsersToMend) {
  EXPECT_THROW(check_store(folder_.path / "elsewhere"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_.path / "elsewhere"));
}

TEST_F(StoreCheckTest, RepairHasDamagedStagesDoneAgain) {
  write_text(artifact(early), "train to 500 seed 9");  // a rewind point: trials show it no more
  std::filesystem::remove(artifact(retrain));          // the network of a finished trial
  const std::vector<Repair> repairs = repair_artifacts(*store_, check_store(root_));
  ASSERT_EQ(repairs.size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(with_ending(artifact(early), ".damaged")));
  EXPECT_FALSE(std::filesystem::exists(artifact(early)));
  EXPECT_THAT(kinds(), ElementsAre(FindingKind::set_aside));
  EXPECT_FALSE(done(early));
  EXPECT_FALSE(done(retrain));
  EXPECT_FALSE(done(evaluate));  // so that the next run wants the network again
  EXPECT_TRUE(done(random_evaluate));
  EXPECT_THAT(ask(paths_, "SELECT note FROM stages WHERE label LIKE 'train to 500%'"), HasSubstr("SHA-256"));
  EXPECT_EQ(ask(paths_, "SELECT count(*) FROM results"), "3");  // meanwhile

  store_->apply({finish_with_file(paths_, stage(early), 2), finish_with_file(paths_, stage(retrain), 2),
                 finish(stage(evaluate), 2)});
  EXPECT_EQ(check_store(root_).damages, 0);
  EXPECT_EQ(ask(paths_, "SELECT count(*) FROM stages WHERE state = 'done' AND note IS NULL"), "10");
}

TEST_F(StoreCheckTest, RepairLeavesNotesAlone) {
  write_text(paths_.artifact(StageKey{sha256("unknown")}), "x");
  EXPECT_THAT(repair_artifacts(*store_, check_store(root_)), IsEmpty());
  EXPECT_THAT(kinds(), ElementsAre(FindingKind::orphan));
}

}  // namespace
}  // namespace espalier
