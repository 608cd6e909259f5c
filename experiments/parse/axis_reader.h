#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/parse/map_reader.h"
#include "experiments/spec/choices.h"

namespace espalier {

/// Reads keys whose value may be a list of values to try, and remembers each such list as an axis.
class AxisReader {
 public:
  static constexpr std::size_t kMostValues = 10'000;  // of one axis

  explicit AxisReader(Problems& problems) : problems_(problems) {}

  /// What the results' columns show of a value. Values that show the same there are distinguished by the trial's
  /// variant.
  template <typename Value>
  using Column = std::function<std::string(const Value&)>;

  /// `parse` is (const YamlValue&, Problems&) -> std::optional<Value>.
  template <typename Value, typename Parse>
  void read(MapReader& map, const std::string& key, Choices<Value>& choices, Parse parse,
            const Column<Value>& column = nullptr) {
    const YamlValue* value = map.find(key);
    if (value == nullptr) return;
    const std::vector<YamlValue> given = list_values(*value);
    for (const YamlValue& one : given) {
      if (std::optional<Value> parsed = parse(one, problems_)) choices.values.push_back(std::move(*parsed));
    }
    if (choices.values.size() != given.size() || given.empty()) failed_.insert(value->place.path);
    Firsts first = first_of_equal_texts(given);
    if (choices.values.size() == given.size()) find_equal(choices.values, first);
    if (!is_axis(*value, given) || choices.values.size() != given.size()) return refuse_repetitions(given, first);
    std::vector<std::string> shown;
    for (const Value& one : choices.values) shown.push_back(column ? column(one) : "");
    choices.axis = add_axis(*value, given, shown, std::move(first));
  }

  /// A key that takes one value.
  template <typename Value, typename Parse>
  void read(MapReader& map, const std::string& key, std::optional<Value>& slot, Parse parse) {
    if (const YamlValue* value = map.find(key)) slot = parse(*value, problems_);
  }

  Problems& problems() { return problems_; }
  std::vector<Axis>& axes() { return axes_; }
  /// Whether `path` has values that could not be read, which was reported: nothing more is known of its axis.
  bool failed(const std::string& path) const { return failed_.contains(path); }
  /// What was written for each value of an axis.
  const std::vector<YamlValue>& written(AxisIndex axis) const { return written_[axis]; }
  /// Values of an axis that multiplies are different.
  void refuse_repetitions(AxisIndex axis) { refuse_repetitions(written_[axis], axes_[axis].first); }

 private:
  using Firsts = std::vector<std::uint32_t>;  ///< see Axis::first

  static Firsts first_of_equal_texts(const std::vector<YamlValue>& given);
  /// What was written differently may mean the same: 500 and 500it.
  template <typename Value>
  static void find_equal(const std::vector<Value>& values, Firsts& first) {
    if constexpr (std::totally_ordered<Value>) {
      std::map<Value, std::uint32_t> seen;
      for (std::size_t i = 0; i < values.size(); ++i) first[i] = seen.try_emplace(values[i], first[i]).first->second;
    }
  }
  void refuse_repetitions(const std::vector<YamlValue>& given, const Firsts& first);
  std::vector<YamlValue> list_values(const YamlValue& value);
  static bool is_axis(const YamlValue& value, const std::vector<YamlValue>& given);
  AxisIndex add_axis(const YamlValue& value, const std::vector<YamlValue>& given, const std::vector<std::string>& shown,
                     Firsts first);

  Problems& problems_;
  std::vector<Axis> axes_;
  std::vector<std::vector<YamlValue>> written_;
  std::set<std::string> failed_;
};

}  // namespace espalier
