#include "experiments/parse/override.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "experiments/parse/read_yaml.h"

namespace espalier {
namespace {

// Every value knows its whole path, and the tree is walked by functions that call themselves.
constexpr std::size_t kLongestOverridePath = 200;  // bytes; the deepest key of a sweep has some 40, its names up to 100

/// The value at `key` of the map `parent`; made, as nothing, if it is missing. Null if `parent` can have no keys.
YamlValue* descend(YamlValue& parent, const std::string& key, const KeyPlace& place) {
  if (parent.kind == YamlValue::Kind::null) parent.kind = YamlValue::Kind::map;
  if (parent.kind != YamlValue::Kind::map) return nullptr;
  const auto found = std::ranges::find(parent.entries, key, &YamlEntry::key);
  if (found != parent.entries.end()) return &found->value;
  KeyPlace key_place = place;
  key_place.path = parent.place.path.empty() ? key : parent.place.path + "." + key;
  YamlValue missing;
  missing.place = key_place;
  parent.entries.push_back({key, key_place, std::move(missing)});
  return &parent.entries.back().value;
}

}  // namespace

void apply_override(YamlValue& tree, const std::string& assignment, Problems& problems) {
  const std::size_t equals = assignment.find('=');
  const std::string path = assignment.substr(0, equals);
  const KeyPlace place{"--set " + path, 0, 0, path};
  if (equals == std::string::npos || path.empty()) {
    problems.add({"--set " + assignment, 0, 0, ""}, "expected KEY=VALUE, as in train.epochs=2");
    return;
  }
  if (path.size() > kLongestOverridePath) {
    problems.add({"--set " + path.substr(0, kLongestOverridePath) + "...", 0, 0, ""}, "no key is so long");
    return;
  }
  std::optional<YamlValue> value = read_yaml(std::string_view(assignment).substr(equals + 1), place, false, problems);
  if (!value) return;
  YamlValue* target = &tree;
  std::istringstream keys(path);
  for (std::string key; std::getline(keys, key, '.');) {
    YamlValue* next = descend(*target, key, place);
    if (next == nullptr) {
      problems.add(place, target->place.path + " is " + describe(*target) + ", not a map; set it as a whole");
      return;
    }
    target = next;
  }
  *target = std::move(*value);
}

std::vector<std::string> noted_overrides(std::string_view yaml) {
  constexpr std::string_view kNote = "# --set ";
  std::vector<std::string> assignments;
  while (!yaml.empty() && yaml.back() == '\n') {
    yaml.remove_suffix(1);
    const std::size_t before = yaml.rfind('\n');
    const std::string_view line = before == std::string_view::npos ? yaml : yaml.substr(before + 1);
    if (!line.starts_with(kNote)) break;
    assignments.emplace_back(line.substr(kNote.size()));
    yaml.remove_suffix(line.size());
  }
  std::ranges::reverse(assignments);
  return assignments;
}

}  // namespace espalier
