#include "experiments/parse/failure_key.h"

#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostFailures = 1'000'000;

}  // namespace

FailureKeys parse_on_failure(const YamlValue& value, Problems& problems) {
  FailureKeys keys;
  MapReader map(value, problems);
  const auto read = [&](const char* key, std::optional<std::int64_t>& slot, std::int64_t least) {
    if (const YamlValue* count = map.find(key)) slot = parse_count(*count, least, kMostFailures, problems);
  };
  read("crashes", keys.crashes, 1);
  read("errors", keys.errors, 1);
  read("out_of_memory", keys.out_of_memory, 1);
  read("without_progress", keys.without_progress, 1);
  read("node_crashes", keys.node_crashes, 1);
  read("max_failures", keys.max_failures, 0);
  map.finish();
  return keys;
}

}  // namespace espalier
