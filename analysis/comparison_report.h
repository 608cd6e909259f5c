#pragma once

#include <string>

#include "analysis/comparison.h"
#include "analysis/output_format.h"

namespace espalier {

/// What `espalier compare` prints: per sweep, dataset and model the dense accuracy; per sparsity and schedule each
/// method's mean accuracy, its paired difference from random with a 95 % interval, and a mark: + better, - worse, ~
/// inconclusive. CSV and JSON: one record per configuration, random ones included.
std::string render_comparison(const Comparison& comparison, OutputFormat format);

}  // namespace espalier
