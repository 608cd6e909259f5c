#include "experiments/parse/store_config.h"

#include "experiments/parse/failure_key.h"
#include "experiments/parse/map_reader.h"
#include "experiments/parse/read_yaml.h"

namespace espalier {

ParsedStoreConfig parse_store_config(std::string_view text, const std::string& file) {
  Problems problems;
  ParsedStoreConfig parsed;
  if (const std::optional<YamlValue> tree = read_yaml(text, {file, 1, 1, ""}, true, problems)) {
    MapReader map(*tree, problems);
    if (const YamlValue* on_failure = map.find("on_failure")) {
      parsed.config.on_failure = parse_on_failure(*on_failure, problems);
    }
    map.finish();
  }
  parsed.diagnostics = problems.list();
  return parsed;
}

}  // namespace espalier
