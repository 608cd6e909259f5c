#pragma once

#include <cstdint>
#include <vector>

namespace espalier {

// Tests of differences of pairs, none of which is NaN. "greater" is the alternative that the differences lie above
// zero, "less" below.

/// p-values of one statistic, by alternative.
struct PValues {
  double two_sided = 1, greater = 1, less = 1;
};

/// Student's t test of the mean (Student 1908, doi:10.2307/2331554).
struct TTest {
  double mean = 0, sd = 0;  ///< count - 1 in the denominator
  double t = 0, degrees = 0;
  PValues p;
  double low = 0, high = 0;  ///< 95 % interval
};
/// At least two differences, which are not all equal.
TTest t_test(const std::vector<double>& differences);

/// Whether the mean lies within -margin .. margin: two one-sided t tests (Schuirmann 1987, doi:10.1007/BF01068419).
struct EquivalenceTest {
  double t_lower = 0, t_upper = 0;  ///< of mean + margin and mean - margin
  double p_lower = 1, p_upper = 1;  ///< that the mean is -margin or less; margin or more
  double p = 1;                     ///< the larger of both: equivalent at 5 % where it is below
  double low = 0, high = 0;         ///< 90 % interval of the mean: inside the margin where p < 0.05
};
/// As t_test; `margin` > 0, in the unit of the differences.
EquivalenceTest equivalence_test(const std::vector<double>& differences, double margin);

/// Wilcoxon's signed ranks (Wilcoxon 1945, doi:10.2307/3001968): zeros are dropped, equal magnitudes share the mean of
/// their ranks.
struct SignedRankTest {
  std::int64_t count = 0, zeros = 0;  ///< differences that are not zero; dropped ones
  double plus = 0, minus = 0;         ///< sums of ranks
  PValues exact;                      ///< over all signs of these ranks; two-sided: twice the smaller tail, 1 at most
  double variance = 0;                ///< n(n+1)(2n+1)/24 - sum(t^3 - t)/48 over groups of t equal ones
  double z = 0, p_normal = 1;         ///< two-sided, without and with half a rank towards the mean
  double z_corrected = 0, p_normal_corrected = 1;
};
/// Costs count^3 operations. Without a difference that is not zero all p are 1.
SignedRankTest signed_rank_test(const std::vector<double>& differences);

/// The binomial test of signs, zeros dropped.
struct SignTest {
  std::int64_t positive = 0, negative = 0;
  PValues p;  ///< two-sided: twice the smaller tail, 1 at most
};
SignTest sign_test(const std::vector<double>& differences);

}  // namespace espalier
