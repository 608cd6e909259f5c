#pragma once

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/spec/resources.h"

namespace espalier {

/// `resources: {gpus: 0.25, memory_gb: 8, label: a100}`: what each job asks of its rank; none is an axis.
Resources parse_resources(const YamlValue& value, Problems& problems);

}  // namespace espalier
