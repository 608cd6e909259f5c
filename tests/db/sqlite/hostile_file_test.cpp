// A store's file from an untrusted source: reading it takes no more memory than one of ours.

#include <filesystem>
#include <unistd.h>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "db/maintenance/garbage.h"
#include "db/read/store_reader.h"
#include "db/rows/rows_json.h"
#include "db/write/store.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

using testing::HasSubstr;

class HostileFile : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("espalier_hostile_file_test" + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    Store store(root_);
    const SampleSweep sample = make_sample_sweep(1);
    store.record_sweep(sample.name, sample.yaml, sample.trials, sample.graph);
    store.apply(finish_all(sample.graph));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void change(const std::string& sql) const {
    SQLite::Database database(StorePaths{root_}.database().string(), SQLite::OPEN_READWRITE);
    database.exec(sql);
  }

  template <typename Act>
  static void expect_corrupt(const Act& act) {
    try {
      act();
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt);
      EXPECT_THAT(error.what(), HasSubstr("espalier.db: "));
    }
  }

  std::filesystem::path root_;
};

TEST_F(HostileFile, AHugeTextIsNotRead) {
  change("UPDATE sweeps SET label = printf('%.*c', 65 * 1048576, 'x')");
  expect_corrupt([&] { StoreReader(root_).sweeps(); });
  expect_corrupt([&] { StoreReader(root_).results({}); });
}

TEST_F(HostileFile, AHugeTextIsNotWrittenBesideEither) {
  change("INSERT INTO environments (json) VALUES (printf('\"%.*c\"', 65 * 1048576, 'x'))");
  expect_corrupt([&] { const Store store(root_); });
}

TEST_F(HostileFile, TextThatIsNoUtf8BecomesJsonAllTheSame) {
  change("UPDATE sweeps SET label = CAST(x'61ff62' AS TEXT)");
  const std::vector<SweepRow> sweeps = StoreReader(root_).sweeps();
  ASSERT_EQ(sweeps.size(), 1U);
  EXPECT_EQ(sweeps[0].label,
            "a\xef\xbf\xbd"
            "b");
  EXPECT_THAT(nlohmann::ordered_json(sweeps).dump(), HasSubstr("\xef\xbf\xbd"));
}

TEST_F(HostileFile, AStageThatIsNamedAndNotThereIsDamageAndNotABug) {
  for (const char* column : {"evaluate_stage", "masks_stage", "dense_evaluate_stage"}) {
    SetUp();
    change(std::string("PRAGMA foreign_keys = OFF; UPDATE trials SET ") + column + " = 999999 WHERE id = 2");
    try {
      find_garbage(root_, Evidence::keep);
      ADD_FAILURE() << column << ": was believed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt) << column;
      EXPECT_THAT(error.what(), HasSubstr("espalier db check")) << column;
    }
  }
}

}  // namespace
}  // namespace espalier
