#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace espalier {

/// The mean of a few numbers and how sure one can be of it.
struct MeanEstimate {
  std::size_t count = 0;
  double mean = 0;           ///< 0 if there are no numbers
  std::optional<double> sd;  ///< with count - 1 in the denominator; none below two numbers
  // None below two numbers, and where numbers other than zero are all equal.
  std::optional<double> low, high;  ///< 95 % interval, mean -+ t(0.975, count - 1) sd / sqrt(count)
  std::optional<double> p_value;    ///< two-sided, of "the mean is zero", Student's t test
};

/// Applied to the differences of pairs this is the paired t test (Student 1908, doi:10.2307/2331554). Numbers
/// that are equal (sd <= 1e-9 max(1, |mean|)) show no spread, so that nothing is known of how sure the mean is: no
/// interval and no p. If all are zero, the interval is zero alone and p is 1. The numbers must be finite.
MeanEstimate estimate_mean(const std::vector<double>& numbers);

/// Holm's step-down correction for testing several hypotheses at once (Holm 1979, Scandinavian Journal of Statistics
/// 6:65): the k-th smallest of m p-values times m - k + 1, made non-decreasing, 1 at most. Empty ones stay empty and
/// are not counted.
std::vector<std::optional<double>> correct_by_holm(const std::vector<std::optional<double>>& p_values);

}  // namespace espalier
