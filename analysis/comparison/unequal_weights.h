#pragma once

#include <string>

#include "analysis/comparison/comparison.h"

namespace espalier {

/// A line for each method that removed, on the mean over its seeds, another share of the weights than its random
/// control: structures are counted in units, of which a ranking of all layers may choose small ones. "" where all are
/// within a hundredth of all weights.
std::string unequal_weights_text(const Comparison& comparison);

}  // namespace espalier
