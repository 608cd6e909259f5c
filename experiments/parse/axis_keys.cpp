#include "experiments/parse/axis_keys.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/suggest.h"

namespace espalier {
namespace {

std::vector<std::string> axis_paths(AxisReader& axes) {
  std::vector<std::string> paths;
  for (const Axis& axis : axes.axes()) paths.push_back(axis.place.path);
  return paths;
}

std::optional<AxisIndex> find_axis(AxisReader& axes, const std::string& path, const KeyPlace& place) {
  if (axes.failed(path)) return std::nullopt;
  const std::vector<std::string> paths = axis_paths(axes);
  const auto found = std::ranges::find(paths, path);
  if (found != paths.end()) return static_cast<AxisIndex>(found - paths.begin());
  if (paths.empty()) {
    axes.problems().add(place, "speaks of \"" + path + "\", but no key of this sweep has a list of values");
  } else {
    axes.problems().add(place, "only keys with a list of values can be named here: " + unknown_name(path, paths));
  }
  return std::nullopt;
}

/// A value may come again in keys that advance together, but not with the same values of all the others.
void refuse_equal_steps(AxisReader& axes, const YamlValue& group, const std::vector<AxisIndex>& dial) {
  std::map<std::vector<std::uint32_t>, std::size_t> seen;
  for (std::size_t i = 0; i < axes.written(dial[0]).size(); ++i) {
    std::vector<std::uint32_t> step;
    for (const AxisIndex axis : dial) step.push_back(axes.axes()[axis].first[i]);
    const auto [known, is_new] = seen.try_emplace(std::move(step), i);
    if (is_new) continue;
    axes.problems().add(group.place, "the values of number " + std::to_string(i + 1) + " are those of number " +
                                         std::to_string(known->second + 1) + "; leave one of them out");
  }
}

/// Nothing if a path names no axis or the lengths differ; both are reported.
std::optional<std::vector<AxisIndex>> read_zip(AxisReader& axes, const YamlValue& group) {
  std::vector<AxisIndex> dial;
  for (const YamlValue& item : group.items) {
    const auto axis = find_axis(axes, item.text, item.place);
    if (!axis) return std::nullopt;
    dial.push_back(*axis);
  }
  if (dial.size() < 2) {
    axes.problems().add(group.place, "expected a list of at least two keys, as in [[train.lr, train.batch_size]]");
    return std::nullopt;
  }
  for (const AxisIndex axis : dial) {
    const std::size_t expected = axes.written(dial[0]).size();
    const std::size_t found = axes.written(axis).size();
    if (found == expected) continue;
    axes.problems().add(group.place, axes.axes()[dial[0]].place.path + " has " + std::to_string(expected) +
                                         " values and " + axes.axes()[axis].place.path + " has " +
                                         std::to_string(found) + "; zipped keys have equally many");
    return std::nullopt;
  }
  refuse_equal_steps(axes, group, dial);
  return dial;
}

/// Axes that advance together share a dial; the others have one each.
std::vector<std::vector<AxisIndex>> read_dials(AxisReader& axes, const YamlValue* zip) {
  std::vector<std::vector<AxisIndex>> dials;
  std::vector<bool> zipped(axes.axes().size());
  bool is_whole = true;  // else values may come again in keys of which it is not known that they are zipped
  if (zip != nullptr && (zip->kind != YamlValue::Kind::list || zip->items.empty())) {
    axes.problems().add(
        zip->place, "expected a list of lists of keys, as in [[train.lr, train.batch_size]], found " + describe(*zip));
  }
  for (const YamlValue& group : zip != nullptr ? zip->items : std::vector<YamlValue>{}) {
    const auto dial = read_zip(axes, group);
    is_whole = is_whole && dial;
    if (!dial) continue;
    for (const AxisIndex axis : *dial) {
      if (zipped[axis]) axes.problems().add(group.place, axes.axes()[axis].place.path + " is zipped twice");
      zipped[axis] = true;
    }
    dials.push_back(*dial);
  }
  for (AxisIndex axis = 0; axis < zipped.size(); ++axis) {
    if (zipped[axis]) continue;
    dials.push_back({axis});
    if (is_whole) axes.refuse_repetitions(axis);
  }
  const auto first = [&](const std::vector<AxisIndex>& dial) {
    return std::ranges::min(dial, {}, [&](AxisIndex axis) { return axes.axes()[axis].order; });
  };
  std::ranges::sort(dials, {}, [&](const auto& dial) { return axes.axes()[first(dial)].order; });
  return dials;
}

Condition read_condition(AxisReader& axes, const YamlValue& map) {
  Condition condition;
  for (const YamlEntry& entry : map.entries) {
    const auto axis = find_axis(axes, entry.key, entry.place);
    if (!axis) continue;
    std::vector<bool> spoken_of;
    std::string written;
    for (const YamlValue& value : axes.written(*axis)) {
      spoken_of.push_back(matches(value, entry.value));
      written += (written.empty() ? "" : ", ") + flow_text(value);
    }
    if (std::ranges::find(spoken_of, true) == spoken_of.end()) {
      axes.problems().add(entry.value.place, "is never " + flow_text(entry.value) + " (one of " + written + ")");
    }
    condition.values.emplace_back(*axis, std::move(spoken_of));
  }
  return condition;
}

std::vector<Condition> read_conditions(AxisReader& axes, const YamlValue* value) {
  std::vector<Condition> conditions;
  if (value == nullptr) return conditions;
  const std::vector<YamlValue> maps = value->kind == YamlValue::Kind::map ? std::vector{*value} : value->items;
  for (const YamlValue& map : maps) {
    if (map.kind == YamlValue::Kind::map && !map.entries.empty()) {
      conditions.push_back(read_condition(axes, map));
    } else {
      axes.problems().add(map.place,
                          "expected a map from keys to values, as in {prune.method: snip}, found " + describe(map));
    }
  }
  if (maps.empty()) {
    axes.problems().add(
        value->place,
        "expected a list of maps, as in [{prune.method: snip, prune.sparsity: 0.5}], found " + describe(*value));
  }
  return conditions;
}

}  // namespace

void read_axis_keys(AxisReader& axes, MapReader& sweep, SweepSpec& spec) {
  spec.dials = read_dials(axes, sweep.find("zip"));
  spec.when = read_conditions(axes, sweep.find("when"));
  spec.exclude = read_conditions(axes, sweep.find("exclude"));
  spec.axes = axes.axes();
}

}  // namespace espalier
