#pragma once

#include <cstdint>

namespace espalier {

/// Of a share k of n.
struct ProportionInterval {
  double low = 0, high = 1;
};

/// 95 %, exact (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404): never too narrow. 0 <= hits <= count, count >= 1.
ProportionInterval clopper_pearson(std::int64_t hits, std::int64_t count);

/// 95 %, by the score test (Wilson 1927, doi:10.1080/01621459.1927.10502953): about right on average.
ProportionInterval wilson(std::int64_t hits, std::int64_t count);

}  // namespace espalier
