#pragma once

#include <string>
#include <vector>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"

namespace espalier {

/// Hands out the values of a map's keys and, at the end, reports the unread keys.
class MapReader {
 public:
  /// Reports a value that is no map, unless it is nothing; it then has no keys. `map` outlives the reader.
  MapReader(const YamlValue& map, Problems& problems);

  /// Null if the key is absent. Every requested key is one that the map may have.
  const YamlValue* find(const std::string& key);

  /// As find, but reports an absent key: "is missing: `what`".
  const YamlValue* require(const std::string& key, const std::string& what);

  /// Reports unknown keys, with a guess at what was meant; `elsewhere` are the paths of keys that stand in other maps.
  void finish(const std::vector<std::string>& elsewhere = {});

 private:
  const YamlValue& map_;
  Problems& problems_;
  std::vector<std::string> known_;
};

}  // namespace espalier
