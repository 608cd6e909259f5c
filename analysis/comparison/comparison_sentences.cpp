#include "analysis/comparison/comparison_sentences.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/statistics/statistics.h"
#include "analysis/text/number_text.h"

namespace espalier {
namespace {

std::string verdicts_text(const SweepTally& tally) {
  std::string text =
      fmt::format("f {} with random after Holm's correction: {} better, {} worse, {} inconclusive",
                  counted(tally.compared(), "comparison"), tally.better, tally.worse, tally.inconclusive);
  if (tally.nominal > 0) text += fmt::format(" ({} nominally apart)", tally.nominal);
  if (tally.untested > 0) text += fmt::format(", {} not tested", tally.untested);
  return text + ".\n";
}

bool has_pruned_results(const ComparisonBlock& block) {
  return std::ranges::any_of(block.cells, &Cell::has_results);
}

}  // namespace

std::string counts_text(const Outcomes& outcomes) {
  std::vector<std::string> parts;
  for (const auto& [outcome, count] : outcomes) parts.push_back(fmt::format("{} {}", count, outcome));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string dense_text(const ComparisonBlock& block) {
  const MeanEstimate dense = estimate_mean(block.dense_accuracies);
  std::int64_t dead = 0;
  for (const auto& [outcome, count] : block.dense_not_learned) dead += count;
  std::string text = "dense test accuracy not known yet";
  if (dense.count > 0) text = "dense test accuracy " + percent_text(dense.mean) + " %";
  if (dense.low && dead == 0) text += " [" + percent_text(dense.low) + ", " + percent_text(dense.high) + "]";
  if (dense.count > 0) text += " over " + counted(static_cast<std::int64_t>(dense.count), "seed");
  if (dead > 0) text += "; dense networks that did not learn: " + counts_text(block.dense_not_learned);
  return text;
}

std::string title_of(const ComparisonBlock& block) {
  return block.sweep + ": " + block.model + " on " + block.dataset +
         (block.variant.empty() ? "" : ", " + block.variant);
}

std::string unfinished_text(const Comparison& comparison) {
  std::string text;
  for (const SweepTally& tally : comparison.sweeps) {
    const std::int64_t waiting = tally.trials - tally.with_result - tally.failed;
    if (waiting + tally.failed == 0) continue;
    text += fmt::format("{} is not complete: {} of {} trials have a result", tally.sweep, count_text(tally.with_result),
                        count_text(tally.trials));
    if (waiting > 0) text += ", " + count_text(waiting) + " are not there yet";
    if (tally.failed > 0) text += ", " + count_text(tally.failed) + " failed";
    text += ".\n";
  }
  return text;
}

std::string legend_of(const Comparison& comparison) {
  const auto sum = [&](std::int64_t SweepTally::*count) {
    std::int64_t total = 0;
    for (const SweepTally& tally : comparison.sweeps) total += tally.*count;
    return total;
  };
  const auto compares = [](const SweepTally& tally) { return tally.compared() > 0; };
  const auto sweeps = std::ranges::count_if(comparison.sweeps, compares);
  std::string text;
  for (const SweepTally& tally : comparison.sweeps) {
    if (!compares(tally)) continue;
    text += (sweeps > 1 ? tally.sweep + ": o" : "O") + verdicts_text(tally);
  }
  if (sweeps > 0) {
    text += "+ better, - worse: p < 0.05 after Holm's correction over the sweep's comparisons. ~ inconclusive.\n";
    if (sum(&SweepTally::nominal) > 0)
      text += "(+) (-) inconclusive, too: only the nominal interval leaves zero out.\n";
  }
  if (std::ranges::any_of(comparison.blocks, has_pruned_results)) {
    text +=
        "Differences are means over n pairs of one seed, in percentage points. Intervals are nominal: Student's t, "
        "each\n"
        "as if it were the only one; none where one pair or equal differences tell nothing of the spread.\n";
  }
  Outcomes not_learned;
  for (const SweepTally& tally : comparison.sweeps) {
    for (const auto& [outcome, count] : tally.not_learned) not_learned[outcome] += count;
  }
  if (!not_learned.empty()) {
    text +=
        "! not tested: a network of either side did not learn, as the notes say (dense networks: the heading).\n"
        "Networks that did not learn: " +
        counts_text(not_learned) + ".\n";
  }
  const auto say = [&](std::int64_t count, const std::string& before, const std::string& after) {
    if (count > 0) text += before + count_text(count) + after + "\n";
  };
  say(sum(&SweepTally::repeated), "Counted once: ", " that would compare the same networks again under another name.");
  say(sum(&SweepTally::waiting_for_random), "Not compared: ", " whose random control is not there yet.");
  say(sum(&SweepTally::random_failed), "Not compared: ", " whose random control failed.");
  say(sum(&SweepTally::without_random), "Not compared: ", " without a random control (sweep key controls: [random]).");
  say(sum(&SweepTally::unpaired), "", " results left out of pairs: the other one is not there.");
  return text;
}

}  // namespace espalier
