#pragma once

#include <optional>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/trials/trial.h"

namespace espalier {

/// The key `measure`: what is measured beside accuracy. `{latency: {batch_size: [1, 64], threads: 1}}`.
std::optional<LatencyConfig> parse_measure(const YamlValue& value, Problems& problems);

}  // namespace espalier
