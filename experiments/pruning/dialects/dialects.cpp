#include "experiments/pruning/dialects/dialects.h"

#include <cmath>

#include "base/error.h"

namespace espalier {

Dialect find_dialect(std::string_view dialect, std::string_view criterion) {
#define ESPALIER_DIALECT(name, ...) \
  if (dialect == #name) return dialect_##name(criterion);
#include "experiments/catalog/dialects.def"
#undef ESPALIER_DIALECT
  throw Error(ErrorKind::internal, "no dialect is called " + std::string(dialect));
}

std::int64_t round_half_to_even(double value) {
  const double below = std::floor(value);
  const double over = value - below;
  const auto whole = static_cast<std::int64_t>(below);
  if (over == 0.5) return whole + (whole % 2 == 0 ? 0 : 1);
  return over < 0.5 ? whole : whole + 1;
}

double density_of_prunable(std::int64_t parameters, std::int64_t prunable, double sparsity) {
  const auto total = static_cast<double>(parameters);
  return (total * (1 - sparsity) - static_cast<double>(parameters - prunable)) / static_cast<double>(prunable);
}

}  // namespace espalier
