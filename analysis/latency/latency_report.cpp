#include "analysis/latency/latency_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/comparison/comparison.h"
#include "analysis/comparison/varying_settings.h"
#include "analysis/latency/latency_cells.h"
#include "analysis/text/number_text.h"
#include "analysis/text/records_csv.h"
#include "analysis/text/text_table.h"
#include "experiments/formats/json_text.h"

namespace espalier {
namespace {

using nlohmann::ordered_json;

CellKey settings_of(const LatencyRow& row) {
  CellKey key;
  key.granularity = row.granularity;
  key.allocation = row.allocation;
  key.schedule = row.schedule;
  key.rounds = row.rounds;
  key.rate = row.rate;
  key.retrain = row.retrain;
  key.pruned_at_step = row.pruned_at_step;
  key.sparsity_target = row.sparsity_target;
  return key;
}

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json record_of(const LatencyCell& cell) {
  const LatencyRow& row = *cell.first;
  return {{"sweep", row.sweep},
          {"dataset", row.dataset},
          {"model", row.model},
          {"variant", row.variant},
          {"method", row.method},
          {"criterion", row.criterion},
          {"granularity", row.granularity},
          {"allocation", row.allocation},
          {"schedule", row.schedule},
          {"rounds", row.rounds},
          {"rate", number_or_null(row.rate)},
          {"retrain", row.retrain},
          {"control", row.control},
          {"sparsity_target", row.sparsity_target},
          {"pruned_at_step", row.pruned_at_step},
          {"host", row.host},
          {"cpu", row.cpu},
          {"device", row.device},
          {"threads", row.threads},
          {"batch_size", row.batch_size},
          {"seeds", cell.seeds},
          {"mean_accuracy", number_or_null(cell.mean_accuracy)},
          {"latency_ms", cell.latency_ms},
          {"p10_ms", cell.p10_ms},
          {"p90_ms", cell.p90_ms},
          {"examples_per_s", cell.examples_per_s},
          {"dense_ms", cell.dense_ms},
          {"speedup", cell.speedup},
          {"speedup_low", cell.speedup_low},
          {"speedup_high", cell.speedup_high},
          {"twin_speedup", number_or_null(cell.twin_speedup)},
          {"peak_bytes", cell.peak_bytes},
          {"dense_peak_bytes", cell.dense_peak_bytes},
          {"disturbed", cell.disturbed},
          {"settled", cell.settled},
          {"on_frontier", cell.on_frontier}};
}

std::string ms_text(double ms) {
  return fmt::format("{:.{}f}", ms, ms < 10 ? 3 : ms < 100 ? 2 : 1);
}

std::string marks_of(const LatencyCell& cell) {
  std::string marks = cell.on_frontier ? "*" : "";
  if (cell.disturbed) marks += "!";
  if (!cell.settled) marks += "?";
  return marks;
}

TextTable table_of(const LatencyBlock& block, const VaryingSettings& settings) {
  TextTable table({{"sparsity", true},
                   {settings.title()},
                   {"method"},
                   {"n", true},
                   {"test %", true},
                   {"ms", true},
                   {"p10, p90"},
                   {"examples/s", true},
                   {"speed-up", true},
                   {"95 %"},
                   {"twin", true},
                   {"memory", true},
                   {""}});
  for (const LatencyCell& cell : block.cells) {
    const LatencyRow& row = *cell.first;
    table.add_row({sparsity_text(row.sparsity_target), settings.text(settings_of(row)),
                   method_name(row.method, row.criterion, row.control), std::to_string(cell.seeds),
                   percent_text(cell.mean_accuracy), ms_text(cell.latency_ms),
                   "[" + ms_text(cell.p10_ms) + ", " + ms_text(cell.p90_ms) + "]",
                   count_text(static_cast<std::int64_t>(cell.examples_per_s)), fmt::format("{:.2f}", cell.speedup),
                   fmt::format("[{:.2f}, {:.2f}]", cell.speedup_low, cell.speedup_high),
                   cell.twin_speedup ? fmt::format("{:.2f}", *cell.twin_speedup) : "",
                   fmt::format("{:.0f} %", 100 * cell.peak_bytes / std::max(cell.dense_peak_bytes, 1.0)),
                   marks_of(cell)});
  }
  return table;
}

std::string heading_of(const LatencyBlock& block, const VaryingSettings& settings) {
  const LatencyRow& row = *block.cells.front().first;
  std::string text = fmt::format("{}: {} on {}", row.sweep, row.model, row.dataset);
  if (!row.variant.empty()) text += ", " + row.variant;
  text +=
      fmt::format(", batch size {}\n{} thread{} on {}, {} of {}; the dense network takes {} ms\n", row.batch_size,
                  row.threads, row.threads == 1 ? "" : "s", row.device, row.cpu, row.host, ms_text(block.dense_ms()));
  if (!settings.shared().empty()) text += settings.shared() + "\n";
  return text + "\n";
}

std::string legend_of(const std::vector<LatencyBlock>& blocks) {
  const auto any = [&](auto has) {
    return std::ranges::any_of(blocks,
                               [&](const LatencyBlock& block) { return std::ranges::any_of(block.cells, has); });
  };
  std::string text =
      "Speed-up: over the dense network, timed in turn in one process; median over the turns (and seeds), with the\n"
      "outermost bounds of the seeds' 95 % bootstrap intervals. Twin: a network of that shape with random weights.\n"
      "Memory: the most that tensors take during a pass, of the dense network's.\n"
      "* on the frontier: no other is as accurate and faster.\n";
  if (any([](const LatencyCell& cell) { return cell.disturbed; }))
    text += "! other programs kept the machine busy meanwhile: measure again where nothing else runs.\n";
  if (any([](const LatencyCell& cell) { return !cell.settled; }))
    text += "? the interval is wider than 2 %: give measure: {latency: {time_limit: ...}} more seconds.\n";
  return text;
}

}  // namespace

std::string render_latencies(const std::vector<LatencyRow>& rows, OutputFormat format) {
  const std::vector<LatencyBlock> blocks = latency_blocks(rows);
  if (format == OutputFormat::csv || format == OutputFormat::json) {
    ordered_json records = ordered_json::array();
    for (const LatencyBlock& block : blocks)
      for (const LatencyCell& cell : block.cells) records.push_back(record_of(cell));
    return format == OutputFormat::json ? json_text(records) + "\n"
                                        : (records.empty() ? "" : records_csv(records[0], records));
  }
  if (blocks.empty()) return "No latency was measured; add `measure: {latency: {batch_size: [1, 64]}}` to the sweep.\n";
  std::string text;
  for (const LatencyBlock& block : blocks) {
    std::vector<CellKey> keys;
    for (const LatencyCell& cell : block.cells) keys.push_back(settings_of(*cell.first));
    const VaryingSettings settings(keys);
    const TextTable table = table_of(block, settings);
    text +=
        heading_of(block, settings) + (format == OutputFormat::markdown ? table.to_markdown() : table.to_text()) + "\n";
  }
  return text + legend_of(blocks);
}

}  // namespace espalier
