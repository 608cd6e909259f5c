#pragma once

#include <vector>

namespace espalier {

/// How far two groups are apart in standard deviations.
struct EffectSize {
  double cohen_d = 0;     ///< difference of means over the pooled standard deviation
  double correction = 1;  ///< Gamma(v/2) / (sqrt(v/2) Gamma((v-1)/2)), v = n1 + n2 - 2: small groups overstate d
  double hedges_g = 0;    ///< cohen_d * correction (Hedges 1981, doi:10.3102/10769986006002107)
};
/// At least two numbers each, not all equal.
EffectSize effect_size(const std::vector<double>& x, const std::vector<double>& y);

/// The same of pairs: mean over standard deviation of the differences, with v = n - 1.
EffectSize paired_effect_size(const std::vector<double>& differences);

/// Hedges' approximation 1 - 3 / (4 v - 1).
double approximate_correction(double degrees);

/// The t test of two groups of unlike variance (Welch 1947, doi:10.1093/biomet/34.1-2.28), two-sided.
struct WelchTest {
  double t = 0, degrees = 0, p = 1;
};
WelchTest welch_test(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace espalier
