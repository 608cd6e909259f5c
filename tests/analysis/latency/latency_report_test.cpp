#include "analysis/latency/latency_report.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/latency/latency_cells.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::Not;

LatencyRow timed_row(const std::string& method, std::uint64_t seed, double speedup, double accuracy) {
  LatencyRow row;
  row.sweep = "s";
  row.model = "resnet-20";
  row.dataset = "cifar10";
  row.method = row.criterion = method;
  row.control = method == "random" ? "random" : "none";
  row.granularity = "channel l2";
  row.allocation = "uniform";
  row.schedule = "one_shot";
  row.rounds = 1;
  row.retrain = "none";
  row.sparsity_target = 0.5;
  row.seed = seed;
  row.accuracy = accuracy;
  row.batch_size = 64;
  row.threads = 1;
  row.dense_ms = 10;
  row.latency_ms = row.p10_ms = row.p90_ms = 10 / speedup;
  row.examples_per_s = 6400 * speedup;
  row.speedup = speedup;
  row.speedup_low = speedup - 0.1;
  row.speedup_high = speedup + 0.1;
  row.twin_speedup = speedup;
  row.peak_bytes = 25;
  row.dense_peak_bytes = 100;
  row.settled = true;
  row.cpu = "A Processor";
  row.host = "node1";
  row.device = "cpu";
  row.environment = 1;
  return row;
}

TEST(LatencyCells, SeedsOfAConfigurationAreOneAndTheFastestIsFirst) {
  const std::vector<LatencyRow> rows{timed_row("random", 0, 3, 0.8), timed_row("magnitude", 1, 2.4, 0.9),
                                     timed_row("magnitude", 0, 2, 0.92)};
  const std::vector<LatencyBlock> blocks = latency_blocks(rows);
  ASSERT_EQ(blocks.size(), 1U);
  ASSERT_EQ(blocks[0].cells.size(), 2U);
  EXPECT_EQ(blocks[0].dense_ms(), 10);
  const LatencyCell& random = blocks[0].cells[0];
  const LatencyCell& magnitude = blocks[0].cells[1];
  EXPECT_EQ(random.first->method, "random");
  EXPECT_EQ(magnitude.seeds, 2);
  EXPECT_EQ(magnitude.first->seed, 0U);
  EXPECT_NEAR(magnitude.speedup, 2.2, 1e-12);
  EXPECT_NEAR(magnitude.speedup_low, 1.9, 1e-12);
  EXPECT_NEAR(magnitude.speedup_high, 2.5, 1e-12);
  EXPECT_NEAR(*magnitude.mean_accuracy, 0.91, 1e-12);
  EXPECT_TRUE(random.on_frontier);
  EXPECT_TRUE(magnitude.on_frontier);
}

TEST(LatencyCells, WhatIsSlowerAndNoMoreAccurateIsNotOnTheFrontier) {
  std::vector<LatencyRow> rows{timed_row("magnitude", 0, 2, 0.9), timed_row("random", 0, 1.9, 0.9),
                               timed_row("snip", 0, 5, 0.1)};
  rows[2].accuracy.reset();
  const std::vector<LatencyBlock> blocks = latency_blocks(rows);
  ASSERT_EQ(blocks[0].cells.size(), 3U);
  EXPECT_FALSE(blocks[0].cells[0].on_frontier);  // it has no accuracy
  EXPECT_TRUE(blocks[0].cells[1].on_frontier);
  EXPECT_FALSE(blocks[0].cells[2].on_frontier);
}

TEST(LatencyCells, MachinesAndBatchSizesAreNeverSetSideBySide) {
  std::vector<LatencyRow> rows(3, timed_row("magnitude", 0, 2, 0.9));
  rows[1].environment = 2;
  rows[2].batch_size = 1;
  EXPECT_EQ(latency_blocks(rows).size(), 3U);
}

TEST(LatencyReport, TableSaysWhatWasTimedAndMarksWhatWasDisturbed) {
  std::vector<LatencyRow> rows{timed_row("magnitude", 0, 2, 0.9), timed_row("random", 0, 1.9, 0.8)};
  std::string text = render_latencies(rows, OutputFormat::table);
  EXPECT_THAT(text, HasSubstr("s: resnet-20 on cifar10, batch size 64"));
  EXPECT_THAT(text, HasSubstr("1 thread on cpu, A Processor of node1; the dense network takes 10.00 ms"));
  EXPECT_THAT(text, HasSubstr("2.00  [1.90, 2.10]"));
  EXPECT_THAT(text, HasSubstr("25 %"));
  EXPECT_THAT(text, Not(HasSubstr("!")));
  EXPECT_THAT(text, Not(HasSubstr("?")));
  rows[0].disturbed = true;
  rows[1].settled = false;
  text = render_latencies(rows, OutputFormat::table);
  EXPECT_THAT(text, HasSubstr("! other programs"));
  EXPECT_THAT(text, HasSubstr("? the interval"));
}

TEST(LatencyReport, ProgramsGetEverything) {
  const std::vector<LatencyRow> rows{timed_row("magnitude", 0, 2, 0.9)};
  const auto json = nlohmann::json::parse(render_latencies(rows, OutputFormat::json));
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["speedup"], 2.0);
  EXPECT_EQ(json[0]["on_frontier"], true);
  EXPECT_EQ(json[0]["rate"], nullptr);
  const std::string csv = render_latencies(rows, OutputFormat::csv);
  EXPECT_TRUE(csv.starts_with("sweep,dataset,model")) << csv;
  EXPECT_THAT(csv, HasSubstr("resnet-20"));
  EXPECT_EQ(render_latencies({}, OutputFormat::json), "[]\n");
  EXPECT_THAT(render_latencies({}, OutputFormat::table), HasSubstr("measure: {latency"));
}

}  // namespace
}  // namespace espalier
