#include <cmath>

#include "experiments/pruning/dialects/dialects.h"

namespace espalier {
namespace {

/// n = ceil(p * all that is left, ignored layers included); the threshold is the score of index n in rising order, and
/// what is above it stays, so that n + 1 go.
std::int64_t kept_open_lth(const CountQuestion& question) {
  const auto left = static_cast<double>(question.present + question.aside);
  return question.present - static_cast<std::int64_t>(std::ceil(question.share * left)) - 1;
}

}  // namespace

Dialect dialect_open_lth(std::string_view) {
  return {.kept = kept_open_lth,
          .ties = "drop",
          .allocations = {"global"},
          .schedules = {"one_shot", "iterative", "exponential"}};
}

}  // namespace espalier
