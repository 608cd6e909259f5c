#include "analysis/varying_settings.h"

#include <array>
#include <cstddef>

#include "analysis/number_text.h"

namespace espalier {
namespace {

struct Setting {
  const char* name;
  std::string (*text)(const CellKey&);
};

constexpr std::array<Setting, 4> kSettings{{
    {"granularity", [](const CellKey& key) { return key.granularity; }},
    {"allocation", [](const CellKey& key) { return key.allocation; }},
    {"retrain", [](const CellKey& key) { return key.retrain; }},
    {"pruned at step", [](const CellKey& key) { return count_text(key.pruned_at_step); }},
}};

}  // namespace

VaryingSettings::VaryingSettings(const std::vector<CellKey>& keys) : title_("schedule") {
  if (keys.empty()) return;
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    const std::string first = kSettings[i].text(keys.front());
    for (const CellKey& key : keys) varies_[i] = varies_[i] || kSettings[i].text(key) != first;
    if (varies_[i]) {
      title_ += std::string(", ") + kSettings[i].name;
    } else {
      shared_ += (shared_.empty() ? "" : ", ") + std::string(kSettings[i].name) + " " + first;
    }
  }
}

std::string VaryingSettings::text(const CellKey& key) const {
  std::string text = schedule_text(key.schedule, key.rounds);
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    if (varies_[i]) text += ", " + kSettings[i].text(key);
  }
  return text;
}

std::string schedule_text(const std::string& schedule, std::int64_t rounds) {
  return rounds > 1 ? schedule + " x" + std::to_string(rounds) : schedule;
}

}  // namespace espalier
