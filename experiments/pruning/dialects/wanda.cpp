#include "experiments/pruning/dialects/dialects.h"

namespace espalier {
namespace {

/// Of a row: sorted stably, the first int(n_in s) go. Of a layer by magnitude: what is at most the score of index int(n
/// s) in rising order goes, so that one more does.
std::int64_t kept_wanda(const CountQuestion& question) {
  const auto removed = static_cast<std::int64_t>(static_cast<double>(question.total) * question.share);
  return question.total - removed - (question.by_magnitude ? 1 : 0);
}

}  // namespace

Dialect dialect_wanda() {
  return {.kept = kept_wanda,
          .ties = "last",
          .default_allocation = "per_row",
          .allocations = {"per_row", "uniform"},
          .schedules = {"one_shot"}};
}

}  // namespace espalier
