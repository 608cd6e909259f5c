#include "analysis/latency/latency_cells.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace espalier {
namespace {

double middle(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

auto block_key(const LatencyRow& row) {
  return std::tie(row.sweep, row.dataset, row.model, row.variant, row.environment, row.device, row.threads,
                  row.batch_size);
}

auto cell_key(const LatencyRow& row) {
  return std::tie(row.sparsity_target, row.granularity, row.allocation, row.schedule, row.rounds, row.rate, row.retrain,
                  row.pruned_at_step, row.method, row.criterion, row.control);
}

LatencyCell cell_of(const std::vector<const LatencyRow*>& rows) {
  LatencyCell cell;
  cell.first = *std::ranges::min_element(rows, {}, &LatencyRow::seed);
  cell.seeds = std::ssize(rows);
  const auto over_seeds = [&](auto value) {
    std::vector<double> values;
    for (const LatencyRow* row : rows) values.push_back(static_cast<double>(std::invoke(value, *row)));
    return middle(values);
  };
  cell.latency_ms = over_seeds(&LatencyRow::latency_ms);
  cell.p10_ms = over_seeds(&LatencyRow::p10_ms);
  cell.p90_ms = over_seeds(&LatencyRow::p90_ms);
  cell.dense_ms = over_seeds(&LatencyRow::dense_ms);
  cell.examples_per_s = over_seeds(&LatencyRow::examples_per_s);
  cell.speedup = over_seeds(&LatencyRow::speedup);
  cell.peak_bytes = over_seeds(&LatencyRow::peak_bytes);
  cell.dense_peak_bytes = over_seeds(&LatencyRow::dense_peak_bytes);
  cell.speedup_low = (*std::ranges::min_element(rows, {}, &LatencyRow::speedup_low))->speedup_low;
  cell.speedup_high = (*std::ranges::max_element(rows, {}, &LatencyRow::speedup_high))->speedup_high;
  if (std::ranges::all_of(rows, [](const LatencyRow* row) { return row->twin_speedup.has_value(); }))
    cell.twin_speedup = over_seeds([](const LatencyRow& row) { return *row.twin_speedup; });
  cell.disturbed = std::ranges::any_of(rows, &LatencyRow::disturbed);
  cell.settled = std::ranges::all_of(rows, &LatencyRow::settled);
  double sum = 0;
  for (const LatencyRow* row : rows) sum += row->accuracy.value_or(0);
  if (std::ranges::all_of(rows, [](const LatencyRow* row) { return row->accuracy.has_value(); }))
    cell.mean_accuracy = sum / static_cast<double>(rows.size());
  return cell;
}

void find_frontier(std::vector<LatencyCell>& cells) {
  for (LatencyCell& cell : cells) {
    cell.on_frontier = cell.mean_accuracy && std::ranges::none_of(cells, [&](const LatencyCell& other) {
                         if (!other.mean_accuracy) return false;
                         const bool as_good =
                             *other.mean_accuracy >= *cell.mean_accuracy && other.speedup >= cell.speedup;
                         return as_good && (*other.mean_accuracy > *cell.mean_accuracy || other.speedup > cell.speedup);
                       });
  }
}

}  // namespace

double LatencyBlock::dense_ms() const {
  std::vector<double> times;
  for (const LatencyCell& cell : cells) times.push_back(cell.dense_ms);
  return middle(times);
}

std::vector<LatencyBlock> latency_blocks(const std::vector<LatencyRow>& rows) {
  using Cells = std::map<decltype(cell_key(rows.front())), std::vector<const LatencyRow*>>;
  std::vector<std::pair<const LatencyRow*, Cells>> found;  // in the order of their first rows
  for (const LatencyRow& row : rows) {
    auto place = std::ranges::find_if(found, [&](const auto& one) { return block_key(*one.first) == block_key(row); });
    if (place == found.end()) place = found.insert(place, {&row, {}});
    place->second[cell_key(row)].push_back(&row);
  }
  std::vector<LatencyBlock> blocks;
  for (const auto& [first, cells] : found) {
    LatencyBlock& block = blocks.emplace_back();
    for (const auto& [key, seeds] : cells) block.cells.push_back(cell_of(seeds));
    std::ranges::stable_sort(block.cells, std::greater{}, &LatencyCell::speedup);
    find_frontier(block.cells);
  }
  return blocks;
}

}  // namespace espalier
