#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace espalier {

// What the criteria of catalog/criteria.def can be given. Every option there has its range here, which its default lies
// in (catalog_test.cpp sees to it).

struct OptionRange {
  std::string_view criterion, option;
  double low, high;
  bool with_low, with_high;  ///< whether low and high are allowed themselves
  bool whole;
};

inline constexpr std::array kOptionRanges{
    OptionRange{"grasp", "temperature", 0, 1e6, false, true, false},
    OptionRange{"synflow", "rounds", 1, 10'000, true, true, true},
    OptionRange{"synflow", "float64", 0, 1, true, true, true},
    OptionRange{"synflow", "density", 0, 1, true, false, false},
    OptionRange{"movement", "lr", 0, 1'000, false, true, false},
    OptionRange{"obs", "damping", 0, 1e6, true, true, false},
    OptionRange{"sparsegpt", "blocksize", 1, 65'536, true, true, true},
    OptionRange{"sparsegpt", "damping", 0, 1e6, true, true, false},
};

/// Prunable weights of a network that a criterion can take: obs inverts a matrix with a row for each, obd_hessian
/// differentiates twice for each.
constexpr std::int64_t most_weights(std::string_view criterion) {
  if (criterion == "obs") return 3'000;
  if (criterion == "obd_hessian") return 20'000;
  return std::numeric_limits<std::int64_t>::max();
}

}  // namespace espalier
