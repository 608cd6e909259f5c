#pragma once

#include <string>

#include "analysis/comparison/comparison.h"

namespace espalier {

/// One record per configuration for programs: fractions, percentage points, exact numbers; "" or null where there is
/// none.
std::string comparison_csv(const Comparison& comparison);
std::string comparison_json(const Comparison& comparison);

}  // namespace espalier
