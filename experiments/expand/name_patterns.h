#pragma once

#include <string>
#include <vector>

#include "experiments/diagnostics/problems.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// An exact name, or one with * and ? as in a shell.
bool fits_pattern(const std::string& pattern, const std::string& name);

/// The places in `names` of those that fit the pattern. Nothing after reporting a pattern that fits none.
std::vector<std::size_t> find_matches(const std::string& pattern, const std::vector<std::string>& names,
                                      const KeyPlace& place, Problems& problems);

}  // namespace espalier
