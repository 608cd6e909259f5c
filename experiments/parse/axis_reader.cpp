#include "experiments/parse/axis_reader.h"

namespace espalier {
namespace {

bool decides_the_dense_network(const std::string& path) {
  return path == "dataset" || path == "model" || path == "init" || path == "ranks_per_trial" ||
         path.starts_with("train.");
}

}  // namespace

std::vector<YamlValue> AxisReader::list_values(const YamlValue& value) {
  if (count_alternatives(value, kMostValues + 1) > kMostValues) {
    problems_.add(value.place, "has more than 10000 values");
    return {};
  }
  std::vector<YamlValue> given = alternatives(value);
  if (given.empty()) problems_.add(value.place, "holds an empty list; give at least one value");
  return given;
}

AxisReader::Firsts AxisReader::first_of_equal_texts(const std::vector<YamlValue>& given) {
  std::map<std::string, std::uint32_t> seen;
  Firsts first;
  for (const YamlValue& one : given)
    first.push_back(seen.try_emplace(value_text(one), static_cast<std::uint32_t>(first.size())).first->second);
  return first;
}

void AxisReader::refuse_repetitions(const std::vector<YamlValue>& given, const Firsts& first) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (first[i] == i) continue;
    const std::string text = flow_text(given[i]), same = flow_text(given[first[i]]);
    problems_.add(given[i].place, text + " is listed twice" + (same == text ? "" : ": " + same + " is the same"));
  }
}

bool AxisReader::is_axis(const YamlValue& value, const std::vector<YamlValue>& given) {
  return given.size() > 1 || (value.kind == YamlValue::Kind::list && given.size() == 1);
}

AxisIndex AxisReader::add_axis(const YamlValue& value, const std::vector<YamlValue>& given,
                               const std::vector<std::string>& shown, Firsts first) {
  std::map<std::string, int> occurrences;
  for (std::size_t i = 0; i < shown.size(); ++i) occurrences[shown[i]] += first[i] == i ? 1 : 0;
  Axis axis;
  axis.place = value.place;
  axis.order = value.order;
  axis.dense = decides_the_dense_network(value.place.path);
  for (std::size_t i = 0; i < given.size(); ++i) {
    const bool is_distinct = given.size() == 1 || (!shown[i].empty() && occurrences[shown[i]] == 1);
    axis.variants.push_back(is_distinct ? "" : value.place.path + "=" + flow_text(given[first[i]]));
  }
  axis.first = std::move(first);
  axes_.push_back(std::move(axis));
  written_.push_back(given);
  return static_cast<AxisIndex>(axes_.size() - 1);
}

}  // namespace espalier
