#include <fstream>
#include <set>
#include <sstream>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/migrations/migrations.h"
#include "db/rows/cell_statistics.h"
#include "db/rows/mask_overlap_row.h"
#include "db/write/store.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

std::string read_page(const std::string& name) {
  std::ifstream file(ESPALIER_DOCUMENTS "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> sql_blocks(const std::string& page) {
  const std::string open = "```sql\n", close = "```";
  std::vector<std::string> blocks;
  for (std::size_t at = page.find(open); at != std::string::npos; at = page.find(open, at)) {
    at += open.size();
    blocks.push_back(page.substr(at, page.find(close, at) - at));
  }
  return blocks;
}

/// docs/store.md and docs/maintenance.md against a store with results.
class StorePage : public testing::Test {
 protected:
  void SetUp() override {
    SampleSweep sample = make_sample_sweep(2);
    // As an earlier version had it, for the query that finds such results.
    sample.graph.stages[prune].spec = std::make_shared<const std::string>(
        R"({"criterion":"bn_scale","granularity":"filter l2","model":{"name":"resnet-20"},"target":{"layer_kept":[],"total_kept":9}})");
    sample.graph.stages.push_back(sample.graph.stages[evaluate]);
    sample.graph.stages.back().kind = StageKind::latency;
    sample.graph.stages.back().key = {sha256("latency")};
    sample.graph.stages.back().spec = std::make_shared<const std::string>(R"({"threads":1})");
    sample.graph.trials[1].latency = static_cast<StageIndex>(sample.graph.stages.size() - 1);
    const SweepId sweep = store_.record_sweep(sample.name, sample.yaml, sample.trials, sample.graph);
    std::vector<StoreChange> changes = finish_all(sample.graph);
    std::get<StageFinished>(changes[prune]).outcome.sensitivity = {{"fc1", 0, 10, 10, 0.1}, {"fc1", 0.9, 10, 1, 0.2}};
    std::get<StageFinished>(changes.back()).outcome.latencies = {
        {8, {{kDenseNetwork, {4, 4}, 900, 4, 4, 4}, {kPrunedNetwork, {2, 2}, 300, 2, 2, 2, 2, 1.9, 2.1}}, true, 0.1}};
    store_.apply(changes);
    StageGraph failing = make_noop_graph(1);
    store_.record_sweep("noop", "", {}, failing);
    StageFinished failed = finish(failing.stages[0]);
    failed.outcome.failure = Failure{ErrorKind::exhausted, "out of memory"};
    store_.apply({failed});
    CellStatistics cell;
    cell.sweep = "sample";
    cell.control = "none";
    cell.verdict = "better";
    store_.write_cell_statistics({cell});
    MaskOverlapRow overlap;
    overlap.pairing = "seed";
    overlap.a.trial = to_hex(sample.trials[1].key);
    overlap.b.trial = to_hex(sample.trials[4].key);
    store_.write_mask_overlaps(sweep, {overlap});
  }

  TemporaryFolder folder_;
  Store store_{folder_.path / "store"};
  std::string page_ = read_page("store.md");
  std::string maintenance_ = read_page("maintenance.md");
};

TEST_F(StorePage, EveryExampleRunsAndAnswersSomething) {
  const SQLite::Database database(store_.paths().database().string(), SQLite::OPEN_READONLY, 1000);
  std::vector<std::string> blocks = sql_blocks(page_);
  EXPECT_GE(blocks.size(), 11U);
  const std::vector<std::string> others = sql_blocks(maintenance_);
  EXPECT_EQ(others.size(), 2U);
  blocks.insert(blocks.end(), others.begin(), others.end());
  for (const std::string& block : blocks) {
    SCOPED_TRACE(block);
    EXPECT_NO_THROW({
      SQLite::Statement statement(database, block);
      EXPECT_TRUE(statement.executeStep());
    });
  }
}

/// What the query for results of earlier versions says of trials whose masks were made so: "method control".
std::set<std::string> one_draw_for_all(const std::string& page, const std::string& random_spec) {
  SampleSweep sample = make_sample_sweep(1);
  sample.graph.stages[random_prune].spec = std::make_shared<const std::string>(random_spec);
  const TemporaryFolder folder;
  Store store(folder.path / "store");
  store.record_sweep(sample.name, sample.yaml, sample.trials, sample.graph);
  const SQLite::Database database(store.paths().database().string(), SQLite::OPEN_READONLY, 1000);
  std::set<std::string> found;
  for (const std::string& block : sql_blocks(page)) {
    if (block.find("one draw for all") == std::string::npos) continue;
    for (SQLite::Statement rows(database, block); rows.executeStep();) {
      if (rows.getColumn("why").getString() == "one draw for all of a seed")
        found.insert(rows.getColumn("method").getString() + " " + rows.getColumn("control").getString());
    }
  }
  return found;
}

TEST_F(StorePage, FindsRandomMasksOfTheTimeWhenASeedHadOneDraw) {
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(one_draw_for_all(maintenance_, R"({"criterion":"random","model":{"name":"lenet-5"}})"),
              ElementsAre("random random"));
  EXPECT_THAT(one_draw_for_all(maintenance_, R"({"gradual":{"prune":{"criterion":"random"},"targets":[]}})"),
              ElementsAre("random random"));
  for (const char* draw : {"0123456789abcdef", "shared"}) {
    const std::string spec = R"({"criterion":"random","draw":")" + std::string(draw) + R"(","epoch":3})";
    EXPECT_THAT(one_draw_for_all(maintenance_, spec), IsEmpty());
    EXPECT_THAT(one_draw_for_all(maintenance_, R"({"gradual":{"prune":)" + spec + R"(,"targets":[]}})"), IsEmpty());
  }
}

TEST_F(StorePage, NamesEveryTableViewAndColumn) {
  const SQLite::Database database(store_.paths().database().string(), SQLite::OPEN_READONLY, 1000);
  SQLite::Statement columns(database,
                            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c"
                            " WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%'");
  std::set<std::string> names;
  while (columns.executeStep()) {
    names.insert(columns.getColumn(0).getString());
    names.insert(columns.getColumn(1).getString());
  }
  EXPECT_GT(names.size(), 100U);
  for (const std::string& name : names)
    EXPECT_THAT(page_, testing::ContainsRegex("(^|[^a-z_0-9])" + name + "([^a-z_0-9]|$)"));
}

TEST_F(StorePage, NamesTheVersion) {
  EXPECT_THAT(maintenance_, testing::HasSubstr("the schema's version: " + std::to_string(schema_version()) + "."));
}

}  // namespace
}  // namespace espalier
