#include "analysis/statistics/ranks.h"

#include <algorithm>
#include <numeric>

namespace espalier {

std::vector<double> mid_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (std::size_t i = first; i < end; ++i) ranks[order[i]] = static_cast<double>(first + 1 + end) / 2;
    first = end;
  }
  return ranks;
}

std::vector<std::int64_t> sizes_of_ties(std::vector<double> values) {
  std::ranges::sort(values);
  std::vector<std::int64_t> sizes;
  for (auto first = values.begin(); first != values.end();) {
    const auto end = std::ranges::upper_bound(first, values.end(), *first);
    if (end - first > 1) sizes.push_back(end - first);
    first = end;
  }
  return sizes;
}

}  // namespace espalier
