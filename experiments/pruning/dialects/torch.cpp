#include "experiments/pruning/dialects/dialects.h"

namespace espalier {
namespace {

std::int64_t kept_torch(const CountQuestion& question) {
  return question.present - round_half_to_even(question.share * static_cast<double>(question.present));
}

}  // namespace

Dialect dialect_torch(std::string_view) {
  return {.kept = kept_torch,
          .allocations = {"global", "uniform", "table"},
          .schedules = {"one_shot", "iterative", "exponential", "linear", "cubic", "agp"},
          .structures = true,
          .half_patterns = true};
}

}  // namespace espalier
