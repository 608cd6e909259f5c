#include "analysis/comparison/against.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "analysis/comparison/comparison_sentences.h"
#include "analysis/comparison/varying_settings.h"
#include "analysis/statistics/statistics.h"
#include "analysis/text/number_text.h"
#include "analysis/text/records_csv.h"
#include "analysis/text/text_table.h"
#include "base/error.h"
#include "experiments/formats/json_text.h"

namespace espalier {
namespace {

using nlohmann::ordered_json;

void count_seeds(Duel& duel, const MethodResult& other) {
  for (const ResultRow* row : duel.method->rows) {
    const auto same = std::ranges::find(other.rows, row->seed, [](const ResultRow* one) { return one->seed; });
    if (same == other.rows.end() || !row->accuracy || !(*same)->accuracy) continue;
    ++(*row->accuracy > *(*same)->accuracy ? duel.wins : *row->accuracy < *(*same)->accuracy ? duel.losses : duel.ties);
  }
}

/// Over the duels of each sweep; those of the same networks are one.
void correct_duels(std::vector<Duel>& duels) {
  using Networks = std::vector<std::pair<std::string, std::string>>;
  std::map<std::string, std::vector<std::vector<Duel*>>> families;
  std::map<std::pair<std::string, Networks>, std::size_t> known;
  for (Duel& duel : duels) {
    std::vector<std::vector<Duel*>>& family = families[duel.block->sweep];
    std::size_t at = family.size();
    if (!duel.compared.evaluations.empty())
      at = known.try_emplace({duel.block->sweep, duel.compared.evaluations}, at).first->second;
    if (at == family.size()) family.emplace_back();
    family[at].push_back(&duel);
  }
  for (auto& [sweep, family] : families) {
    std::vector<std::optional<double>> p_values;
    for (const auto& same : family) p_values.push_back(same.front()->compared.p_value);
    const auto corrected = correct_by_holm(p_values);
    for (std::size_t i = 0; i < family.size(); ++i)
      for (Duel* duel : family[i]) duel->compared.p_holm = corrected[i];
  }
}

std::string mark_of(const Duel& duel) {
  if (!duel.compared.is_tested) return "!";
  const Verdict verdict = duel.compared.verdict();
  return verdict == Verdict::better ? "+" : verdict == Verdict::worse ? "-" : "~";
}

ordered_json or_null(const std::optional<double>& number) {
  return number ? ordered_json(*number) : ordered_json(nullptr);
}

ordered_json record_of(const Duel& duel, const std::string& name) {
  const CellKey& key = duel.cell->key;
  return {{"sweep", duel.block->sweep},
          {"dataset", duel.block->dataset},
          {"model", duel.block->model},
          {"variant", duel.block->variant},
          {"granularity", key.granularity},
          {"allocation", key.allocation},
          {"schedule", key.schedule},
          {"rounds", key.rounds},
          {"rate", or_null(key.rate)},
          {"retrain", key.retrain},
          {"pruned_at_step", key.pruned_at_step},
          {"sparsity_target", key.sparsity_target},
          {"method", duel.method->name()},
          {"against", name},
          {"pairs", duel.compared.pairs},
          {"mean_accuracy", duel.compared.mean_accuracy},
          {"against_mean_accuracy", duel.compared.other_mean_accuracy},
          {"mean_difference_pp", duel.compared.mean_pp},
          {"ci95_low_pp", or_null(duel.compared.low_pp)},
          {"ci95_high_pp", or_null(duel.compared.high_pp)},
          {"p_value", or_null(duel.compared.p_value)},
          {"p_holm", or_null(duel.compared.p_holm)},
          {"verdict", std::string(to_string(duel.compared.verdict()))},
          {"wins", duel.wins},
          {"ties", duel.ties},
          {"losses", duel.losses}};
}

std::string block_text(const ComparisonBlock& block, const std::vector<const Duel*>& duels, const std::string& name,
                       OutputFormat format) {
  std::vector<CellKey> keys;
  for (const Duel* duel : duels) keys.push_back(duel->cell->key);
  const VaryingSettings settings(keys);
  TextTable table({{"sparsity", true},
                   {settings.title()},
                   {"method"},
                   {"n", true},
                   {"test %", true},
                   {name + " %", true},
                   {"difference", true},
                   {"nominal 95 %", true},
                   {""},
                   {"p Holm", true},
                   {"seeds won", true}});
  for (const Duel* duel : duels) {
    const PairedComparison& compared = duel->compared;
    table.add_row({sparsity_text(duel->cell->key.sparsity_target), settings.text(duel->cell->key), duel->method->name(),
                   std::to_string(compared.pairs), percent_text(compared.mean_accuracy),
                   percent_text(compared.other_mean_accuracy), points_text(compared.mean_pp),
                   interval_text(compared.low_pp, compared.high_pp), mark_of(*duel), p_value_text(compared.p_holm),
                   fmt::format("{}-{}-{}", duel->wins, duel->ties, duel->losses)});
  }
  return title_of(block) + "\n" + settings.shared() + "\n\n" +
         (format == OutputFormat::markdown ? table.to_markdown() : table.to_text()) + "\n";
}

/// `magnitude: better in 3 cells, worse in 1, inconclusive in 2; ahead on the mean in 5 of 6`.
std::string tally_text(const std::vector<Duel>& duels, const std::string& name) {
  std::vector<std::string> methods;
  for (const Duel& duel : duels)
    if (std::ranges::find(methods, duel.method->name()) == methods.end()) methods.push_back(duel.method->name());
  std::string text;
  for (const std::string& method : methods) {
    std::int64_t better = 0, worse = 0, open = 0, untested = 0, ahead = 0;
    for (const Duel& duel : duels) {
      if (duel.method->name() != method) continue;
      const Verdict verdict = duel.compared.verdict();
      ++(!duel.compared.is_tested     ? untested
         : verdict == Verdict::better ? better
         : verdict == Verdict::worse  ? worse
                                      : open);
      ahead += duel.compared.mean_pp > 0 ? 1 : 0;
    }
    text += fmt::format(
        "{} against {}: better in {}, worse in {}, inconclusive in {}{}; ahead on the mean in {} of {}.\n", method,
        name, counted(better, "cell"), worse, open, untested > 0 ? fmt::format(", not tested in {}", untested) : "",
        ahead, better + worse + open + untested);
  }
  return text;
}

}  // namespace

std::vector<Duel> duels_against(const Comparison& comparison, const std::string& name) {
  std::vector<Duel> duels;
  std::set<std::string> names;
  for (const ComparisonBlock& block : comparison.blocks) {
    for (const Cell& cell : block.cells) {
      for (const MethodResult& method : cell.methods) names.insert(method.name());
      const auto other = std::ranges::find(cell.methods, name, &MethodResult::name);
      if (other == cell.methods.end()) continue;
      for (const MethodResult& method : cell.methods) {
        if (&method == &*other) continue;
        const std::optional<PairedComparison> compared = compare_methods(method, *other);
        if (!compared) continue;
        Duel& duel = duels.emplace_back(Duel{&block, &cell, &method, *compared});
        count_seeds(duel, *other);
      }
    }
  }
  if (!names.empty() && !names.contains(name)) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("nothing is called \"{}\" here (one of {})", name, fmt::join(names, ", ")));
  }
  correct_duels(duels);
  return duels;
}

std::string render_duels(const std::vector<Duel>& duels, const std::string& name, OutputFormat format) {
  if (format == OutputFormat::csv || format == OutputFormat::json) {
    ordered_json records = ordered_json::array();
    for (const Duel& duel : duels) records.push_back(record_of(duel, name));
    return format == OutputFormat::json ? json_text(records) + "\n"
                                        : (records.empty() ? "" : records_csv(records[0], records));
  }
  if (duels.empty()) return "No results to set against " + name + " yet.\n";
  std::string text;
  for (auto first = duels.begin(); first != duels.end();) {
    const auto end = std::find_if(first, duels.end(), [&](const Duel& duel) { return duel.block != first->block; });
    std::vector<const Duel*> same;
    for (auto duel = first; duel != end; ++duel) same.push_back(&*duel);
    text += block_text(*first->block, same, name, format);
    first = end;
  }
  return text + tally_text(duels, name) +
         "+ better, - worse: p < 0.05 after Holm's correction over the sweep's rows. ~ inconclusive. ! a network of "
         "either side did not learn.\nSeeds won, level and lost. Differences are means over n pairs of one seed, in "
         "percentage points; intervals as if each were the only one.\n";
}

}  // namespace espalier
