#include "experiments/parse/prune_keys.h"

#include <algorithm>

#include "experiments/catalog/catalog.h"
#include "experiments/catalog/granularity.h"
#include "experiments/parse/prune_values.h"
#include "experiments/parse/scalars.h"
#include "experiments/parse/schedule_key.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostBatches = 1'000'000;
constexpr std::int64_t kMostAligned = 65'536;

std::optional<PruneMoment> parse_moment(const YamlValue& value, Problems& problems) {
  if (value.kind == YamlValue::Kind::scalar && value.text == "trained") return PruneMoment{true, {0, 0, value.place}};
  if (value.kind == YamlValue::Kind::scalar && value.text == "init") return PruneMoment{false, {0, 0, value.place}};
  const auto length = parse_length(value, problems, "trained, init or ");
  return length ? std::optional(PruneMoment{false, *length}) : std::nullopt;
}

auto count_up_to(std::int64_t most) {
  return [most](const YamlValue& value, Problems& problems) { return parse_count(value, 1, most, problems); };
}

auto name_from(std::vector<std::string> names) {
  return [names = std::move(names)](const YamlValue& value, Problems& problems) {
    return parse_name(value, names, problems);
  };
}

/// A rate and a number of rounds are columns; what a schedule begins with, when it is due, and rates of layers are not.
std::string schedule_column(const ScheduleSetting& setting) {
  if (setting.initial > 0 || setting.gradual || !setting.rates.empty()) return "";
  if (setting.rate > 0) return setting.name + " at " + std::to_string(setting.rate);
  return setting.name + " " + std::to_string(setting.rounds);
}

/// The step that it comes to is a column.
std::string moment_column(const PruneMoment& moment) {
  return moment.trained ? "trained" : to_string(moment.length);
}

/// Options are the method's own affair, and make variants only where one name has several sets of them.
std::string criterion_column(const CriterionSetting& setting) {
  return setting.name;
}

void read_once_keys(MapReader& map, PruneKeys& keys, Problems& problems) {
  if (const YamlValue* protect = map.find("protect")) keys.protect = parse_patterns(*protect, problems);
  if (const YamlValue* empty = map.find("on_empty")) {
    keys.refuse_empty = parse_name(*empty, {"warn", "refuse"}, problems) == "refuse";
  }
  if (const YamlValue* sensitivity = map.find("sensitivity"))
    keys.sensitivity = parse_sensitivity(*sensitivity, problems);
  const auto& allocations = keys.allocation.values;
  const bool needs_curves =
      std::ranges::any_of(allocations, [](const auto& one) { return has(one.name, AllocationProperty::by_curves); });
  if (needs_curves && !keys.sensitivity) keys.sensitivity.emplace();
  const YamlValue* at = map.find("at");
  const auto is_gradual = [](const ScheduleSetting& schedule) { return schedule.gradual.has_value(); };
  if (at != nullptr && keys.schedule.given() && std::ranges::all_of(keys.schedule.values, is_gradual)) {
    problems.add(at->place, "is not used: the schedule says from when on it prunes inside the training");
  }
}

void remember_prune_places(const YamlValue& value, PruneKeys& keys) {
  const auto place_of = [&](const char* key) {
    const YamlValue* given = value.find(key);
    return given != nullptr ? given->place : value.place;
  };
  keys.criterion_place = place_of(keys.criterion.given() ? "criterion" : "method");
  keys.granularity_place = place_of("granularity");
  keys.allocation_place = place_of("allocation");
  keys.dialect_place = place_of("dialect");
  keys.norms_place = place_of("norms");
  keys.sensitivity_place = place_of(value.find("sensitivity") != nullptr ? "sensitivity" : "allocation");
  keys.min_kept_place = place_of("min_kept");
  keys.max_kept_place = place_of("max_kept");
  keys.ratios_place = place_of("ratios");
  keys.align_place = place_of("align");
  keys.repair_place = place_of("repair");
}

void refuse_data_keys_without_use(MapReader& map, const PruneKeys& keys, Problems& problems) {
  const auto& names = keys.criterion.given() ? keys.criterion.values : keys.method.values;
  const auto needs_data = [](const CriterionSetting& setting) {
    return find_criterion(setting.name).needs != CriterionNeeds::needs_nothing;
  };
  if (names.empty() || std::ranges::any_of(names, needs_data)) return;
  for (const char* key : {"batches", "batch_size", "norms"}) {
    if (const YamlValue* value = map.find(key))
      problems.add(value->place, "is not used: no criterion here looks at data");
  }
}

bool says_how_much(const GranularitySetting& granularity) {
  return parse_granularity(granularity.text).kind == Granularity::Kind::n_of_m;
}

/// The amount to prune is given once: by a sparsity, by a table of sparsities, by a rate and a number of rounds, or by
/// n:m.
void check_target(MapReader& map, const PruneKeys& keys, Problems& problems) {
  if (keys.granularity.given() && std::ranges::all_of(keys.granularity.values, says_how_much)) return;
  const auto is_table = [](const AllocationSetting& allocation) { return allocation.name == "table"; };
  const bool only_tables = keys.allocation.given() && std::ranges::all_of(keys.allocation.values, is_table);
  const YamlValue* sparsity = map.find("sparsity");
  if (sparsity != nullptr && only_tables)
    problems.add(sparsity->place, "is not used: allocation gives each layer's sparsity");
  const bool has_tables = keys.allocation.given() && std::ranges::any_of(keys.allocation.values, is_table);
  const std::vector<ScheduleSetting> by_default(1);
  for (const ScheduleSetting& schedule : keys.schedule.given() ? keys.schedule.values : by_default) {
    const bool rate_and_rounds = schedule.rate > 0 && schedule.rounds > 0;
    if (sparsity == nullptr && !only_tables && !rate_and_rounds) {
      map.require("sparsity",
                  "the fraction to remove, as in sparsity: [0.8, 0.9]; or give {iterative: {rate: 0.2, rounds: 15}}");
    } else if ((sparsity != nullptr || has_tables) && rate_and_rounds) {
      problems.add(schedule.place, "rate and rounds say how far to prune, and so does " +
                                       std::string(sparsity != nullptr ? "sparsity" : "allocation") +
                                       "; leave one out");
    } else if (!schedule.rates.empty() && !rate_and_rounds) {
      problems.add(schedule.place, "rates by layer go with rate and rounds, without sparsity");
    } else if (has_tables && schedule.rate > 0) {
      problems.add(schedule.place, "a table of sparsities goes with a number of rounds, not with a rate");
    }
  }
}

}  // namespace

void read_prune_keys(AxisReader& axes, const YamlValue& value, PruneKeys& keys) {
  Problems& problems = axes.problems();
  MapReader map(value, problems);
  axes.read(map, "method", keys.method, parse_criterion, AxisReader::Column<CriterionSetting>(criterion_column));
  axes.read(map, "criterion", keys.criterion, parse_criterion, AxisReader::Column<CriterionSetting>(criterion_column));
  axes.read(map, "granularity", keys.granularity, parse_granularity_value,
            AxisReader::Column<GranularitySetting>([](const GranularitySetting& setting) { return setting.text; }));
  axes.read(map, "sparsity", keys.sparsity, parse_sparsity,
            AxisReader::Column<double>([](double sparsity) { return std::to_string(sparsity); }));
  axes.read(map, "allocation", keys.allocation, parse_allocation,
            AxisReader::Column<AllocationSetting>([](const AllocationSetting& setting) { return setting.name; }));
  axes.read(map, "schedule", keys.schedule, parse_schedule, AxisReader::Column<ScheduleSetting>(schedule_column));
  axes.read(map, "dialect", keys.dialect, name_from(catalog_names(list_dialects())));
  axes.read(map, "min_kept", keys.min_kept, parse_bound);
  axes.read(map, "max_kept", keys.max_kept, parse_bound);
  axes.read(map, "ratios", keys.ratios, parse_ratios);
  axes.read(map, "align", keys.align, count_up_to(kMostAligned));
  axes.read(map, "at", keys.at, parse_moment, AxisReader::Column<PruneMoment>(moment_column));
  axes.read(map, "norms", keys.norms, name_from({"running", "batch"}));
  axes.read(map, "batches", keys.batches, count_up_to(kMostBatches));
  axes.read(map, "batch_size", keys.batch_size, count_up_to(kMostBatches));
  axes.read(map, "repair", keys.repair, parse_repair);
  read_once_keys(map, keys, problems);
  remember_prune_places(value, keys);
  map.finish();
  if (value.kind != YamlValue::Kind::map && value.kind != YamlValue::Kind::null) return;
  if (map.find("criterion") == nullptr)
    map.require("method", "how to choose weights, as in method: [magnitude, gradient]");
  refuse_data_keys_without_use(map, keys, problems);
  check_target(map, keys, problems);
}

}  // namespace espalier
