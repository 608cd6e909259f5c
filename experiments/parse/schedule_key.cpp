#include "experiments/parse/schedule_key.h"

#include <string>
#include <vector>

#include "experiments/catalog/catalog.h"
#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"
#include "experiments/spec/sweep_limits.h"

namespace espalier {
namespace {

std::optional<double> parse_rate(const YamlValue& value, Problems& problems) {
  return parse_number(value, {0, 1, false, false, "the fraction of what is left that a round removes"}, problems);
}

std::optional<double> parse_layer_rate(const YamlValue& value, Problems& problems) {
  return parse_number(value, {0, 1, true, false, "the fraction of what is left that a round removes"}, problems);
}

std::vector<LayerShare> read_rates(const YamlValue& value, Problems& problems) {
  std::vector<LayerShare> rates;
  if (value.kind != YamlValue::Kind::map) {
    problems.add(value.place, "expected a map from layers to numbers, as in {fc3: 0.1}, found " + describe(value));
  }
  for (const YamlEntry& entry : value.entries) {
    if (const auto rate = parse_layer_rate(entry.value, problems)) rates.push_back({entry.key, *rate, entry.place});
  }
  return rates;
}

/// Nothing if none of its keys is there.
std::optional<GradualSetting> read_gradual_setting(MapReader& map, const std::string& name, Problems& problems) {
  if (!has(name, ScheduleProperty::in_training)) return std::nullopt;
  const YamlValue* start = map.find("start");
  const YamlValue* end = map.find("end");
  const YamlValue* every = map.find("every");
  if (start == nullptr && end == nullptr && every == nullptr) return std::nullopt;
  const std::string example = ", as in {" + name + ": {start: 1ep, end: 5ep, every: 100it}}";
  GradualSetting gradual;
  const auto read = [&](const char* key, Length& length) {
    const YamlValue* value = map.require(key, "a schedule inside the training has start, end and every" + example);
    if (value != nullptr) length = parse_length(*value, problems).value_or(Length{0, 1, value->place});
  };
  if (start != nullptr) gradual.start = parse_length(*start, problems).value_or(Length{});
  read("end", gradual.end);
  read("every", gradual.every);
  if (every != nullptr && gradual.every == Length{}) problems.add(every->place, "expected at least one step, found 0");
  return gradual;
}

}  // namespace

std::optional<ScheduleSetting> parse_schedule(const YamlValue& value, Problems& problems) {
  const auto form = parse_form(value, catalog_names(list_schedules()), problems);
  if (!form) return std::nullopt;
  ScheduleSetting schedule;
  schedule.name = form->name;
  schedule.place = value.place;
  const bool takes_rate = has(schedule.name, ScheduleProperty::takes_rate);
  const bool one_round = has(schedule.name, ScheduleProperty::one_round);
  MapReader map(form->settings, problems);
  schedule.gradual = read_gradual_setting(map, schedule.name, problems);
  const YamlValue* rounds = !one_round ? map.find("rounds") : nullptr;
  if (one_round) {
    schedule.rounds = 1;
  } else if (rounds != nullptr) {
    schedule.rounds = parse_count(*rounds, 1, kMostRounds, problems).value_or(1);
  } else if (!takes_rate && !schedule.gradual) {
    map.require("rounds", "how many rounds, as in {" + schedule.name + ": {rounds: 5}}");
  }
  if (rounds != nullptr && schedule.gradual) {
    problems.add(rounds->place, "is for pruning between trainings; inside one, every says how often; leave one out");
  }
  if (has(schedule.name, ScheduleProperty::takes_initial)) {
    const YamlValue* initial = map.find("initial");
    const NumberRange range{0, 1, true, false, "the sparsity that the schedule begins with"};
    if (initial != nullptr) schedule.initial = parse_number(*initial, range, problems).value_or(0);
  }
  if (const YamlValue* rate = takes_rate ? map.find("rate") : nullptr) {
    schedule.rate = parse_rate(*rate, problems).value_or(0.5);
  }
  if (const YamlValue* rates = takes_rate ? map.find("rates") : nullptr) {
    schedule.rates = read_rates(*rates, problems);
  }
  map.finish();
  if (takes_rate && schedule.rate == 0 && schedule.rounds == 0) {
    problems.add(value.place, "expected rounds, as in {" + schedule.name + ": {rounds: 5}}, or a rate, as in {" +
                                  schedule.name + ": {rate: 0.2}}");
  }
  return schedule;
}

}  // namespace espalier
