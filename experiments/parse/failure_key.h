#pragma once

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/spec/failure_keys.h"

namespace espalier {

/// `on_failure: {crashes: 5, max_failures: 20}`: counts, none of which is an axis.
FailureKeys parse_on_failure(const YamlValue& value, Problems& problems);

}  // namespace espalier
