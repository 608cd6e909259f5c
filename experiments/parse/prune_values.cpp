#include "experiments/parse/prune_values.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/catalog/granularity.h"
#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"
#include "experiments/parse/unknown_word.h"

namespace espalier {
namespace {

constexpr double kMostUnits = 1e12;

std::optional<GranularitySetting> read_granularity(const std::string& text, const KeyPlace& place, Problems& problems) {
  try {
    return GranularitySetting{to_string(parse_granularity(text)), names_reduction(text)};
  } catch (const Error& error) {
    problems.add(place, error.what());
    return std::nullopt;
  }
}

std::string block_text(const YamlValue& sides) {
  if (sides.kind != YamlValue::Kind::list || sides.items.size() != 2) return "block " + sides.text;
  return "block " + sides.items[0].text + "x" + sides.items[1].text;
}

std::optional<double> parse_option(const CriterionOption& option, const YamlValue& value, Problems& problems) {
  if (!option.whole)
    return parse_number(value, {option.low, option.high, option.with_low, option.with_high, ""}, problems);
  const auto count =
      parse_count(value, static_cast<std::int64_t>(option.low), static_cast<std::int64_t>(option.high), problems);
  return count ? std::optional(static_cast<double>(*count)) : std::nullopt;
}

std::vector<LayerShare> parse_sparsities(const YamlValue& map, Problems& problems) {
  std::vector<LayerShare> shares;
  for (const YamlEntry& entry : map.entries) {
    if (const auto share = parse_sparsity(entry.value, problems)) shares.push_back({entry.key, *share, entry.place});
  }
  return shares;
}

}  // namespace

std::optional<CriterionSetting> parse_criterion(const YamlValue& value, Problems& problems) {
  const auto form = parse_form(value, catalog_names(list_criteria()), problems);
  if (!form) return std::nullopt;
  CriterionSetting setting{form->name, {}};
  MapReader map(form->settings, problems);
  std::vector<std::string> names;
  std::vector<CriterionOption> options = options_of(find_criterion(form->name));
  std::ranges::sort(options, {}, &CriterionOption::name);  // as messages list them
  for (const CriterionOption& option : options) {
    names.push_back(option.name);
    const YamlValue* given = map.find(option.name);
    if (given == nullptr) continue;
    const auto number = parse_option(option, *given, problems);
    if (number && *number != option.standard) setting.options[option.name] = *number;
  }
  for (const YamlEntry& entry : form->settings.entries) {
    if (std::ranges::find(names, entry.key) != names.end()) continue;
    problems.add(entry.place, names.empty() ? "criterion " + form->name + " has no options"
                                            : "criterion " + form->name + ": " + unknown_word(entry.key, names));
  }
  return setting;
}

std::optional<GranularitySetting> parse_granularity_value(const YamlValue& value, Problems& problems) {
  if (value.kind == YamlValue::Kind::scalar) return read_granularity(value.text, value.place, problems);
  if (value.kind != YamlValue::Kind::map || value.entries.empty()) {
    problems.add(value.place,
                 "expected what is removed together, as in filter, 2:4 or {block: [4, 4]}, found " + describe(value));
    return std::nullopt;
  }
  MapReader map(value, problems);
  const YamlValue* reduction = map.find("reduction");
  const YamlValue* n = map.find("n");
  const YamlValue* m = map.find("m");
  std::string text;
  if (n != nullptr && m != nullptr) {
    text = n->text + ":" + m->text;
  } else if (const YamlValue* sides = map.find("block")) {
    text = block_text(*sides);
  }
  for (const char* kind : {"row", "filter", "channel", "head", "layer"}) {
    if (const YamlValue* how = map.find(kind)) text = std::string(kind) + (how->text.empty() ? "" : " " + how->text);
  }
  if (reduction != nullptr) text += " " + reduction->text;
  map.finish();
  if (!text.empty()) return read_granularity(text, value.place, problems);
  problems.add(value.place, "expected {block: [4, 4]}, {n: 2, m: 4} or {filter: l1}, found " + flow_text(value));
  return std::nullopt;
}

std::optional<AllocationSetting> parse_allocation(const YamlValue& value, Problems& problems) {
  if (value.kind != YamlValue::Kind::map) {
    const auto name = parse_name(value, catalog_names(list_allocations()), problems);
    return name ? std::optional(AllocationSetting{*name, {}}) : std::nullopt;
  }
  return AllocationSetting{"table", parse_sparsities(value, problems)};
}

std::optional<RatioSetting> parse_ratios(const YamlValue& value, Problems& problems) {
  if (value.kind == YamlValue::Kind::map && !value.entries.empty())
    return RatioSetting{parse_sparsities(value, problems)};
  problems.add(
      value.place,
      "expected the sparsity of each layer or pattern, as in {\"layer1.*\": 0.3, fc1: 0}, found " + describe(value));
  return std::nullopt;
}

std::optional<BoundSetting> parse_bound(const YamlValue& value, Problems& problems) {
  const NumberRange range{0, kMostUnits, true, true, "below 1 a fraction of a layer's units, from 1 on how many"};
  BoundSetting setting;
  const auto add = [&](const std::string& layer, const YamlValue& bound, const KeyPlace& place) {
    const auto number = parse_number(bound, range, problems);
    if (number && *number >= 1 && *number != std::floor(*number)) {
      problems.add(bound.place, "expected a whole number of units, or a fraction below 1, found " + describe(bound));
    } else if (number) {
      setting.layers.push_back({layer, *number, place});
    }
  };
  if (value.kind != YamlValue::Kind::map) add("*", value, value.place);
  for (const YamlEntry& entry : value.entries) add(entry.key, entry.value, entry.place);
  return setting.layers.empty() ? std::nullopt : std::optional(setting);
}

std::optional<SensitivitySetting> parse_sensitivity(const YamlValue& value, Problems& problems) {
  constexpr std::int64_t kMostBatches = 1'000'000;
  SensitivitySetting setting;
  MapReader map(value, problems);
  if (const YamlValue* sparsities = map.find("sparsities")) {
    setting.sparsities.clear();
    const bool is_list = sparsities->kind == YamlValue::Kind::list;
    const std::vector<YamlValue> values = is_list ? sparsities->items : std::vector<YamlValue>{*sparsities};
    for (const YamlValue& one : values) {
      const auto sparsity = parse_sparsity(one, problems);
      if (!sparsity) return std::nullopt;
      const bool rises = *sparsity > (setting.sparsities.empty() ? 0 : setting.sparsities.back());
      if (!rises) problems.add(one.place, "expected sparsities above 0 that rise, as in sparsities: [0.5, 0.8, 0.9]");
      setting.sparsities.push_back(*sparsity);
    }
    if (setting.sparsities.empty()) problems.add(sparsities->place, "expected at least one sparsity");
  }
  if (const YamlValue* batches = map.find("batches"))
    setting.batches = parse_count(*batches, 1, kMostBatches, problems).value_or(1);
  if (const YamlValue* size = map.find("batch_size"))
    setting.batch_size = parse_count(*size, 1, kMostBatches, problems).value_or(1);
  map.finish();
  return setting;
}

std::optional<RepairSetting> parse_repair(const YamlValue& value, Problems& problems) {
  constexpr std::int64_t kMostBatches = 1'000'000;
  constexpr double kMostDamping = 1e6;
  RepairSetting setting;
  if (value.kind != YamlValue::Kind::map) {
    const auto name = parse_name(value, {"none", "refit", "bn_stats"}, problems);
    if (!name) return std::nullopt;
    setting.refit = name == "refit";
    setting.bn_stats = name == "bn_stats";
    return setting;
  }
  MapReader map(value, problems);
  const auto read = [&](const char* key, auto& number, auto parse) {
    const YamlValue* given = map.find(key);
    if (given == nullptr) return;
    if (const auto parsed = parse(*given)) number = *parsed;
  };
  const auto flag = [&](const YamlValue& given) { return parse_flag(given, problems); };
  const auto count = [&](const YamlValue& given) { return parse_count(given, 1, kMostBatches, problems); };
  read("refit", setting.refit, flag);
  read("bn_stats", setting.bn_stats, flag);
  read("batches", setting.batches, count);
  read("batch_size", setting.batch_size, count);
  read("damping", setting.damping, [&](const YamlValue& given) {
    return parse_number(given, {0, kMostDamping, true, true, ""}, problems);
  });
  map.finish();
  if (const YamlValue* damping = map.find("damping"); damping != nullptr && !setting.refit)
    problems.add(damping->place, "is not used: it belongs to refit");
  if (setting.refit || setting.bn_stats) return setting;
  problems.add(value.place, "repairs nothing; give refit: true, bn_stats: true or both, or repair: none");
  return std::nullopt;
}

std::vector<NamePattern> parse_patterns(const YamlValue& value, Problems& problems) {
  std::vector<NamePattern> patterns;
  for (const YamlValue& item : value.kind == YamlValue::Kind::list ? value.items : std::vector{value}) {
    if (const auto text = parse_text(item, problems)) patterns.push_back({*text, item.place});
  }
  return patterns;
}

}  // namespace espalier
