#pragma once

#include <string>

#include "analysis/comparison/comparison.h"
#include "analysis/text/output_format.h"

namespace espalier {

/// What `espalier compare` prints: first of unfinished sweeps how much there is; per sweep, dataset and model the dense
/// accuracy; per sparsity and schedule each method's mean accuracy, its paired differences from dense and random with
/// nominal 95 % intervals, and a mark that follows the corrected p-value: + better, - worse, ~ inconclusive, ! not
/// tested,
/// (+) and (-) where the nominal interval alone leaves zero out. CSV and JSON: one record per configuration that has a
/// result, random ones included.
std::string render_comparison(const Comparison& comparison, OutputFormat format);

}  // namespace espalier
