#pragma once

#include <vector>

namespace espalier {

// p-values corrected for testing several hypotheses at once, in the order they were given, as R's p.adjust does.
// Holm's is correct_by_holm (statistics.h).

/// Each times their number, 1 at most.
std::vector<double> correct_by_bonferroni(const std::vector<double>& p_values);

/// Those of which at most a share q is below q by mistake (false discovery rate): Benjamini & Hochberg 1995,
/// doi:10.1111/j.2517-6161.1995.tb02031.x, for independent tests.
std::vector<double> correct_by_benjamini_hochberg(const std::vector<double>& p_values);

/// The same for any dependence: Benjamini & Yekutieli 2001, doi:10.1214/aos/1013699998.
std::vector<double> correct_by_benjamini_yekutieli(const std::vector<double>& p_values);

}  // namespace espalier
