#include "experiments/parse/map_reader.h"

#include <algorithm>

#include "experiments/parse/unknown_word.h"

namespace espalier {

MapReader::MapReader(const YamlValue& map, Problems& problems) : map_(map), problems_(problems) {
  const bool fine = map.kind == YamlValue::Kind::map || map.kind == YamlValue::Kind::null;
  if (!fine) problems.add(map.place, "expected a map of keys, found " + describe(map));
}

const YamlValue* MapReader::find(const std::string& key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.push_back(key);
  return map_.find(key);
}

const YamlValue* MapReader::require(const std::string& key, const std::string& what) {
  const YamlValue* value = find(key);
  if (value == nullptr && (map_.kind == YamlValue::Kind::map || map_.kind == YamlValue::Kind::null)) {
    KeyPlace place = map_.place;
    place.path += (place.path.empty() ? "" : ".") + key;
    problems_.add(place, "is missing: " + what);
  }
  return value;
}

void MapReader::finish(const std::vector<std::string>& elsewhere) {
  for (const YamlEntry& entry : map_.entries) {
    if (std::ranges::find(known_, entry.key) == known_.end())
      problems_.add(entry.place, unknown_word(entry.key, known_, elsewhere));
  }
}

}  // namespace espalier
