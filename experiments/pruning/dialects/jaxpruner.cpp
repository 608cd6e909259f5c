#include <algorithm>

#include "experiments/pruning/dialects/dialects.h"

namespace espalier {
namespace {

std::int64_t kept_jaxpruner(const CountQuestion& question) {
  return std::max<std::int64_t>(1, round_half_to_even(static_cast<double>(question.total) * question.density));
}

}  // namespace

Dialect dialect_jaxpruner(std::string_view) {
  return {.kept = kept_jaxpruner,
          .global_ranking = "normalized",
          .default_allocation = "uniform",
          .allocations = {"uniform", "erk", "er", "global"},
          .schedules = {"one_shot", "cubic"},
          .structures = true,
          .half_patterns = true,
          .floors_budget = true,
          .steps_ahead = 1};
}

}  // namespace espalier
