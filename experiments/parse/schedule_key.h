#pragma once

#include <optional>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// `one_shot`, `{iterative: {rate: 0.2}}`, `{cubic: {rounds: 5}}`, or inside the training
/// `{cubic: {start: 1ep, end: 5ep, every: 100it}}`.
std::optional<ScheduleSetting> parse_schedule(const YamlValue& value, Problems& problems);

}  // namespace espalier
