#include "analysis/comparison/varying_settings.h"

#include <algorithm>
#include <array>

#include "analysis/text/number_text.h"

namespace espalier {
namespace {

/// "" where a cell does not have it.
struct Setting {
  const char* name;
  std::string (*text)(const CellKey&);
};

constexpr std::array<Setting, 5> kSettings{{
    {"granularity", [](const CellKey& key) { return key.granularity; }},
    {"allocation", [](const CellKey& key) { return key.allocation; }},
    {"retrain", [](const CellKey& key) { return key.retrain; }},
    {"scored at step", [](const CellKey& key) { return count_text(key.pruned_at_step); }},
    {"later rounds score", [](const CellKey& key) { return key.later_rounds_score.value_or(""); }},
}};

/// Of a store written before it was recorded.
bool has_unknown_rounds(const std::vector<CellKey>& keys) {
  return std::ranges::any_of(keys, [](const CellKey& key) { return key.rounds > 1 && !key.later_rounds_score; });
}

}  // namespace

VaryingSettings::VaryingSettings(const std::vector<CellKey>& keys) : varies_(kSettings.size()), title_("schedule") {
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    std::string first;
    for (const CellKey& key : keys) {
      const std::string text = kSettings[i].text(key);
      if (first.empty()) first = text;
      varies_[i] = varies_[i] || (!text.empty() && text != first);
    }
    std::string name = kSettings[i].name;
    if (name == "scored at step" && has_unknown_rounds(keys)) name = "first " + name;
    if (varies_[i]) {
      title_ += ", " + name;
    } else if (!first.empty()) {
      shared_ += (shared_.empty() ? "" : ", ") + name + " " + first;
    }
  }
}

std::string VaryingSettings::text(const CellKey& key) const {
  std::string text = schedule_text(key.schedule, key.rounds, key.rate);
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    const std::string setting = varies_[i] ? kSettings[i].text(key) : "";
    if (!setting.empty()) text += ", " + setting;
  }
  return text;
}

std::string schedule_text(const std::string& schedule, std::int64_t rounds, std::optional<double> rate) {
  return schedule + (rounds > 1 ? " x" + std::to_string(rounds) : "") + (rate ? " rate " + exact_text(*rate) : "");
}

}  // namespace espalier
