#pragma once

#include <cstdint>
#include <vector>

namespace espalier {

/// How alike two orders are; equal values share ranks.
struct RankCorrelation {
  double spearman = 0;    ///< Pearson's r of the ranks (Spearman 1904, doi:10.2307/1412159)
  double spearman_p = 1;  ///< two-sided, by Student's t with n - 2 degrees
  double kendall = 0;     ///< tau-b (Kendall 1945, doi:10.1093/biomet/33.3.239)
  double kendall_p = 1;   ///< two-sided, normal, the variance corrected for ties
  std::int64_t concordant = 0, discordant = 0, tied_x = 0,
               tied_y = 0;  ///< pairs; tied in x alone or in both, likewise y
};
/// As many of each, at least three, not all equal.
RankCorrelation rank_correlation(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace espalier
