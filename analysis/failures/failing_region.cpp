#include "analysis/failures/failing_region.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "analysis/comparison/varying_settings.h"
#include "analysis/text/number_text.h"

namespace espalier {
namespace {

constexpr std::int64_t kLeastStruck = 2;
constexpr std::int64_t kFinePerExcuse = 20;

/// "a=1, b={c: 2, d: 3}" at its outer commas.
std::vector<std::string> outer_parts(const std::string& variant) {
  std::vector<std::string> parts(1);
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < variant.size(); ++i) {
    const char c = variant[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"') {
      quote = c;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',' && depth == 0) {
      parts.emplace_back();
      if (i + 1 < variant.size() && variant[i + 1] == ' ') ++i;
      continue;
    }
    parts.back() += c;
  }
  return parts;
}

/// Those of `settings` that `trial` has too.
void keep_shared(std::vector<TrialSetting>& settings, const TrialFateRow& trial) {
  const std::vector<TrialSetting> others = trial_settings(trial);
  std::erase_if(settings, [&](const TrialSetting& one) { return std::ranges::find(others, one) == others.end(); });
}

bool has_all(const std::vector<bool>& has, const std::vector<std::size_t>& wanted) {
  return std::ranges::all_of(wanted, [&](std::size_t i) { return has[i]; });
}

/// Counts the trials of candidate parts of the sweep, each given as indices of `shared`.
class RegionCounter {
 public:
  RegionCounter(const std::vector<TrialFateRow>& trials, const std::vector<Fate>& fates,
                const std::vector<TrialSetting>& shared)
      : fates_(fates), shared_(shared) {
    for (const TrialFateRow& trial : trials) {
      const std::vector<TrialSetting> settings = trial_settings(trial);
      std::vector<bool>& has = has_.emplace_back();
      for (const TrialSetting& one : shared) has.push_back(std::ranges::find(settings, one) != settings.end());
    }
  }

  FailingRegion count(const std::vector<std::size_t>& wanted) const {
    FailingRegion region;
    for (const std::size_t i : wanted) region.settings.push_back(shared_[i]);
    for (std::size_t i = 0; i < has_.size(); ++i) {
      if (!has_all(has_[i], wanted)) continue;
      ++region.trials;
      region.struck += fates_[i] == Fate::struck ? 1 : 0;
      region.fine += fates_[i] == Fate::fine ? 1 : 0;
    }
    return region;
  }

 private:
  const std::vector<Fate>& fates_;
  const std::vector<TrialSetting>& shared_;
  std::vector<std::vector<bool>> has_;
};

}  // namespace

std::vector<TrialSetting> trial_settings(const TrialFateRow& trial) {
  std::vector<TrialSetting> settings;
  for (const std::string& part : trial.variant.empty() ? std::vector<std::string>{} : outer_parts(trial.variant)) {
    const std::size_t equals = part.find('=');
    if (equals != std::string::npos) settings.push_back({part.substr(0, equals), part.substr(equals + 1)});
  }
  settings.push_back({"method", trial.method});
  settings.push_back({"model", trial.model});
  settings.push_back({"sparsity", exact_text(trial.sparsity_target)});
  settings.push_back({"dataset", trial.dataset});
  settings.push_back({"control", trial.control});
  settings.push_back({"criterion", trial.criterion});
  settings.push_back({"granularity", trial.granularity});
  settings.push_back({"allocation", trial.allocation});
  settings.push_back({"schedule", schedule_text(trial.schedule, trial.rounds)});
  if (trial.rate) settings.push_back({"rate", exact_text(*trial.rate)});
  settings.push_back({"retrain", trial.retrain});
  settings.push_back({"pruned_at_step", std::to_string(trial.pruned_at_step)});
  settings.push_back({"seed", std::to_string(trial.seed)});
  return settings;
}

std::optional<FailingRegion> find_failing_region(const std::vector<TrialFateRow>& trials,
                                                 const std::vector<Fate>& fates) {
  const std::int64_t struck = std::ranges::count(fates, Fate::struck), fine = std::ranges::count(fates, Fate::fine);
  if (struck < kLeastStruck || fine == 0) return std::nullopt;
  std::optional<std::vector<TrialSetting>> shared;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (fates[i] != Fate::struck) continue;
    shared ? keep_shared(*shared, trials[i]) : void(shared = trial_settings(trials[i]));
  }
  const RegionCounter counter(trials, fates, *shared);
  std::optional<FailingRegion> best;
  const auto consider = [&](const std::vector<std::size_t>& wanted) {
    FailingRegion region = counter.count(wanted);
    if (region.fine * kFinePerExcuse > fine) return;
    if (!best || std::tie(region.fine, region.trials) < std::tie(best->fine, best->trials)) best = std::move(region);
  };
  for (std::size_t i = 0; i < shared->size(); ++i) consider({i});
  for (std::size_t i = 0; i < shared->size() && !(best && best->settings.size() == 1); ++i) {
    for (std::size_t j = i + 1; j < shared->size(); ++j) consider({i, j});
  }
  return best;
}

std::string settings_text(const std::vector<TrialSetting>& settings) {
  std::string text;
  for (const TrialSetting& one : settings) text += (text.empty() ? "" : " and ") + one.name + "=" + one.value;
  return text;
}

}  // namespace espalier
