#include "db/maintenance/store_backup.h"

#include <atomic>
#include <fstream>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/db/maintenance/artifact_files.h"

namespace espalier {
namespace {

using testing::HasSubstr;

class StoreBackup : public testing::Test {
 protected:
  std::vector<std::string> files_beside() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(target_.parent_path()))
      names.push_back(entry.path().filename().string());
    return names;
  }
  std::string refusal(Overwrite overwrite) const {
    try {
      back_up_store(root_, target_, overwrite);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  void SetUp() override { std::filesystem::create_directories(target_.parent_path()); }

  TemporaryFolder folder_;
  std::filesystem::path root_ = folder_.path / "store";
  std::filesystem::path target_ = folder_.path / "backups" / "monday.db";
  SampleSweep sample_ = make_sample_sweep(1);
};

TEST_F(StoreBackup, ARestoredBackupIsTheStoreAsItWas) {
  Store store(root_);
  store.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
  store.apply({finish(sample_.graph.stages[init])});
  const std::uintmax_t bytes = back_up_store(root_, target_, Overwrite::refuse);
  EXPECT_EQ(bytes, std::filesystem::file_size(target_));
  store.apply({finish(sample_.graph.stages[early])});
  EXPECT_THAT(files_beside(), testing::ElementsAre("monday.db"));

  const StorePaths restored{folder_.path / "restored"};
  std::filesystem::create_directories(restored.root);
  std::filesystem::copy_file(target_, restored.database());
  Store again(restored.root);
  const std::vector<bool> done = again.done_stages(sample_.graph);
  EXPECT_TRUE(done[init]);
  EXPECT_FALSE(done[early]);
}

TEST_F(StoreBackup, IsOneMomentOfAStoreThatIsWritten) {
  Store store(root_);
  const StageGraph graph = make_noop_graph(2000);
  store.record_sweep("noop", "", {}, graph);
  std::atomic<bool> over{false};
  std::thread backups([&] {
    int number = 0;
    while (!over || number < 3)
      back_up_store(root_, folder_.path / ("b" + std::to_string(number++) + ".db"), Overwrite::refuse);
  });
  for (std::size_t i = 0; i < graph.stages.size(); i += 20) {  // 20 at a time: a backup has all of them or none
    std::vector<StoreChange> changes;
    for (std::size_t j = i; j < i + 20; ++j) changes.emplace_back(finish(graph.stages[j]));
    store.apply(changes);
  }
  over = true;
  backups.join();
  for (int number = 0;; ++number) {
    const auto file = folder_.path / ("b" + std::to_string(number) + ".db");
    if (!std::filesystem::exists(file)) break;
    SQLite::Database copy(file.string(), SQLite::OPEN_READONLY);
    EXPECT_EQ(copy.execAndGet("PRAGMA integrity_check").getString(), "ok");
    EXPECT_EQ(copy.execAndGet("SELECT count(*) % 20 FROM stages WHERE state = 'done'").getInt(), 0);
  }
}

TEST_F(StoreBackup, ReplacesAFileOnlyWhenToldTo) {
  { const Store store(root_); }
  write_text(target_, "precious");
  EXPECT_THAT(refusal(Overwrite::refuse), testing::AllOf(HasSubstr("is there already"), HasSubstr("--force")));
  EXPECT_EQ(std::filesystem::file_size(target_), 8U);
  EXPECT_EQ(refusal(Overwrite::allow), "");
  EXPECT_GT(std::filesystem::file_size(target_), 8U);
}

TEST_F(StoreBackup, NeverWritesOverTheStoreOrBesideAForeignLog) {
  { const Store store(root_); }
  write_text(with_ending(target_, "-wal"), "x");
  EXPECT_THAT(refusal(Overwrite::allow), HasSubstr("monday.db-wal"));
  target_ = root_ / "." / "espalier.db";
  EXPECT_THAT(refusal(Overwrite::allow), HasSubstr("lies in the store"));
  target_ = root_;
  EXPECT_THAT(refusal(Overwrite::allow), HasSubstr("is a folder"));
}

TEST_F(StoreBackup, ADamagedStoreGivesNoBackup) {
  {
    Store store(root_);
    store.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
  }
  std::fstream file(StorePaths{root_}.database(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(4096 * 10, '\x5a');
  file.close();
  EXPECT_THAT(refusal(Overwrite::refuse), HasSubstr("espalier.db"));
  EXPECT_THAT(files_beside(), testing::IsEmpty());
}

TEST_F(StoreBackup, AStoreOfAnOlderVersionIsBackedUpBeforeItIsUpdated) {
  { const Store store(root_); }
  SQLite::Database(StorePaths{root_}.database().string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 1");
  EXPECT_EQ(refusal(Overwrite::refuse), "");
}

}  // namespace
}  // namespace espalier
