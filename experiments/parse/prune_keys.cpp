#include "experiments/parse/prune_keys.h"

#include <algorithm>

#include "experiments/catalog.h"
#include "experiments/parse/scalars.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostRounds = 1'000;
constexpr std::int64_t kMostBatches = 1'000'000;

std::optional<double> parse_rate(const YamlValue& value, Problems& problems) {
  return parse_number(value, {0, 1, false, false, "the fraction of what is left that a round removes"}, problems);
}

std::optional<double> parse_layer_rate(const YamlValue& value, Problems& problems) {
  return parse_number(value, {0, 1, true, false, "the fraction of what is left that a round removes"}, problems);
}

template <typename Parse>
std::vector<LayerShare> read_shares(const YamlValue& value, Parse parse, Problems& problems) {
  std::vector<LayerShare> shares;
  if (value.kind != YamlValue::Kind::map) {
    problems.add(value.place, "expected a map from layers to numbers, as in {fc3: 0.1}, found " + describe(value));
  }
  for (const YamlEntry& entry : value.entries) {
    if (const auto share = parse(entry.value, problems)) shares.push_back({entry.key, *share, entry.place});
  }
  return shares;
}

std::optional<AllocationSetting> parse_allocation(const YamlValue& value, Problems& problems) {
  if (value.kind == YamlValue::Kind::map)
    return AllocationSetting{"table", read_shares(value, parse_sparsity, problems)};
  const auto name = parse_name(value, catalog_names(list_allocations()), problems);
  return name ? std::optional(AllocationSetting{*name, {}}) : std::nullopt;
}

std::optional<ScheduleSetting> parse_schedule(const YamlValue& value, Problems& problems) {
  const auto form = parse_form(value, catalog_names(list_schedules()), problems);
  if (!form) return std::nullopt;
  ScheduleSetting schedule;
  schedule.name = form->name;
  schedule.place = value.place;
  const bool iterative = schedule.name == "iterative";
  MapReader map(form->settings, problems);
  if (schedule.name == "one_shot") {
    schedule.rounds = 1;
  } else if (const YamlValue* rounds = map.find("rounds")) {
    schedule.rounds = parse_count(*rounds, 1, kMostRounds, problems).value_or(1);
  } else if (!iterative) {
    map.require("rounds", "how many rounds, as in {" + schedule.name + ": {rounds: 5}}");
  }
  if (const YamlValue* rate = iterative ? map.find("rate") : nullptr) {
    schedule.rate = parse_rate(*rate, problems).value_or(0.5);
  }
  if (const YamlValue* rates = iterative ? map.find("rates") : nullptr) {
    schedule.rates = read_shares(*rates, parse_layer_rate, problems);
  }
  map.finish();
  if (iterative && schedule.rate == 0 && schedule.rounds == 0) {
    problems.add(value.place,
                 "expected rounds, as in {iterative: {rounds: 5}}, or a rate, as in {iterative: {rate: 0.2}}");
  }
  return schedule;
}

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

std::string itself(const std::string& name) {
  return name;
}

/// Nothing where a rate alone is given: its rounds are not known here, and may be as many as another schedule's.
std::string schedule_column(const ScheduleSetting& setting) {
  return setting.rounds == 0 ? "" : setting.name + " " + std::to_string(setting.rounds);
}

void refuse_data_keys_without_use(MapReader& map, const PruneKeys& keys, Problems& problems) {
  const auto& names = keys.criterion.given() ? keys.criterion.values : keys.method.values;
  const auto needs_data = [](const std::string& name) {
    return find_criterion(name).needs != CriterionNeeds::needs_nothing;
  };
  if (names.empty() || std::ranges::any_of(names, needs_data)) return;
  for (const char* key : {"batches", "batch_size"}) {
    if (const YamlValue* value = map.find(key))
      problems.add(value->place, "is not used: no criterion here looks at data");
  }
}

/// How far to prune is said once: by a sparsity, by a table of sparsities, or by a rate and a number of rounds.
void check_target(MapReader& map, const PruneKeys& keys, Problems& problems) {
  const auto is_table = [](const AllocationSetting& allocation) { return allocation.name == "table"; };
  const bool only_tables = keys.allocation.given() && std::ranges::all_of(keys.allocation.values, is_table);
  const YamlValue* sparsity = map.find("sparsity");
  if (sparsity != nullptr && only_tables)
    problems.add(sparsity->place, "is not used: allocation gives each layer's sparsity");
  const bool has_tables = keys.allocation.given() && std::ranges::any_of(keys.allocation.values, is_table);
  const std::vector<ScheduleSetting> one_shot(1);
  for (const ScheduleSetting& schedule : keys.schedule.given() ? keys.schedule.values : one_shot) {
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
  const std::vector<std::string> criteria = catalog_names(list_criteria());
  axes.read(map, "method", keys.method, name_from(criteria), AxisReader::Column<std::string>(itself));
  axes.read(map, "criterion", keys.criterion, name_from(criteria), AxisReader::Column<std::string>(itself));
  axes.read(map, "granularity", keys.granularity, name_from({"weight"}), AxisReader::Column<std::string>(itself));
  axes.read(map, "sparsity", keys.sparsity, parse_sparsity,
            AxisReader::Column<double>([](double sparsity) { return std::to_string(sparsity); }));
  axes.read(map, "allocation", keys.allocation, parse_allocation,
            AxisReader::Column<AllocationSetting>([](const AllocationSetting& setting) { return setting.name; }));
  axes.read(map, "schedule", keys.schedule, parse_schedule, AxisReader::Column<ScheduleSetting>(schedule_column));
  axes.read(map, "at", keys.at, parse_moment);
  axes.read(map, "batches", keys.batches, count_up_to(kMostBatches));
  axes.read(map, "batch_size", keys.batch_size, count_up_to(kMostBatches));
  map.finish();
  if (value.kind != YamlValue::Kind::map && value.kind != YamlValue::Kind::null) return;
  if (map.find("criterion") == nullptr)
    map.require("method", "how to choose weights, as in method: [magnitude, gradient]");
  refuse_data_keys_without_use(map, keys, problems);
  check_target(map, keys, problems);
}

}  // namespace espalier
