#include "experiments/pruning/dialects/dialects.h"

namespace espalier {
namespace {

/// Of a row: sorted stably, the first int(n_in s) go.
std::int64_t kept_wanda(const CountQuestion& question) {
  return question.total - static_cast<std::int64_t>(static_cast<double>(question.total) * question.share);
}

/// What is at most the score of index int(n s) in rising order goes, so that one more does.
std::int64_t kept_wanda_by_magnitude(const CountQuestion& question) {
  return kept_wanda(question) - 1;
}

}  // namespace

/// Magnitudes are compared with a threshold of the layer.
Dialect dialect_wanda(std::string_view criterion) {
  const bool by_magnitude = criterion == "magnitude";
  return {.kept = by_magnitude ? kept_wanda_by_magnitude : kept_wanda,
          .ties = by_magnitude ? "drop" : "last",
          .default_allocation = by_magnitude ? "uniform" : "per_row",
          .allocations = {"per_row", "uniform"},
          .schedules = {"one_shot"},
          .half_patterns = true};
}

}  // namespace espalier
