#include "experiments/parse/measure_key.h"

#include <algorithm>
#include <vector>

#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"

namespace espalier {
namespace {

std::vector<std::int64_t> parse_batch_sizes(const YamlValue& value, Problems& problems) {
  constexpr std::int64_t kMost = 1'000'000;
  const bool is_list = value.kind == YamlValue::Kind::list;
  std::vector<std::int64_t> sizes;
  for (const YamlValue& item : is_list ? value.items : std::vector{value}) {
    const auto size = parse_count(item, 1, kMost, problems);
    if (!size) continue;
    if (std::ranges::find(sizes, *size) != sizes.end())
      problems.add(item.place, "batch size " + std::to_string(*size) + " is listed twice");
    sizes.push_back(*size);
  }
  if (is_list && value.items.empty()) problems.add(value.place, "expected at least one batch size, as in [1, 64]");
  return sizes;
}

LatencyConfig parse_latency(const YamlValue& value, Problems& problems) {
  LatencyConfig latency;
  MapReader map(value, problems);
  if (const YamlValue* sizes = map.find("batch_size")) latency.batch_sizes = parse_batch_sizes(*sizes, problems);
  if (const YamlValue* threads = map.find("threads"))
    latency.threads = parse_count(*threads, 1, LatencySpec::kMostThreads, problems).value_or(1);
  if (const YamlValue* limit = map.find("time_limit")) {
    constexpr double kLongest = 86'400;
    const NumberRange seconds{0, kLongest, false, true, "seconds for each batch size"};
    latency.time_limit_s = parse_number(*limit, seconds, problems).value_or(latency.time_limit_s);
  }
  if (const YamlValue* device = map.find("device")) {
    const std::string name = parse_name(*device, {"auto", "cpu", "cuda"}, problems).value_or("auto");
    if (name != "auto") latency.device = name;
  }
  map.finish();
  return latency;
}

}  // namespace

std::optional<LatencyConfig> parse_measure(const YamlValue& value, Problems& problems) {
  MapReader map(value, problems);
  const YamlValue* latency = map.require("latency", "what to measure, as in measure: {latency: {batch_size: [1, 64]}}");
  map.finish();
  return latency == nullptr ? std::nullopt : std::optional(parse_latency(*latency, problems));
}

}  // namespace espalier
