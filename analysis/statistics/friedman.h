#pragma once

#include <cstddef>
#include <vector>

namespace espalier {

/// Whether methods differ over several data sets, by their ranks on each (Friedman 1937, doi:10.2307/2279372; Demsar
/// 2006, JMLR 7:1-30).
struct FriedmanTest {
  std::vector<double> average_ranks;  ///< by method; 1 is the best, equal ones share ranks
  double chi2 = 0, p = 1;             ///< corrected for ties, k - 1 degrees
  double chi2_uncorrected = 0;
  double iman_davenport = 0, iman_davenport_p = 1;  ///< F with k - 1 and (k - 1)(N - 1) degrees, less conservative
};
/// `scores[dataset][method]`, higher is better: at least two of each, as many methods everywhere, not all tied.
FriedmanTest friedman_test(const std::vector<std::vector<double>>& scores);

/// The quantile of the studentized range of k normal numbers, divided by sqrt 2, that is exceeded with probability
/// alpha: what Nemenyi's test compares ranks by (Nemenyi 1963).
double nemenyi_quantile(std::size_t methods, double alpha);

/// Average ranks of two methods that are at least so far apart differ: q sqrt(k (k + 1) / (6 N)).
double critical_difference(std::size_t methods, std::size_t datasets, double alpha);

}  // namespace espalier
