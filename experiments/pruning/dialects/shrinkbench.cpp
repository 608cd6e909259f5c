#include <cmath>

#include "experiments/pruning/dialects/dialects.h"

namespace espalier {
namespace {

/// The threshold is the quantile 1 - density of all n scores, between the two next to place h = (n - 1)(1 - density);
/// what is at least that stays: all from place ceil(h) on.
std::int64_t kept_shrinkbench(const CountQuestion& question) {
  const double place = static_cast<double>(question.total - 1) * (1 - question.density);
  return question.total - static_cast<std::int64_t>(std::ceil(place));
}

}  // namespace

Dialect dialect_shrinkbench(std::string_view) {
  return {.kept = kept_shrinkbench,
          .ties = "keep",
          .allocations = {"global", "uniform"},
          .schedules = {"one_shot"},
          .protects_output = true,
          .of_all_parameters = true};
}

}  // namespace espalier
