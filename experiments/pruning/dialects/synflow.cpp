#include "experiments/pruning/dialects/dialects.h"

namespace espalier {
namespace {

/// The threshold is the k-th smallest score, k = int((1 - density) N); what is above it stays.
std::int64_t kept_synflow(const CountQuestion& question) {
  return question.total - static_cast<std::int64_t>((1 - question.density) * static_cast<double>(question.total));
}

}  // namespace

/// Its own criterion prunes in rounds inside a prune, where the density itself falls geometrically, not the counts that
/// come of it.
Dialect dialect_synflow(std::string_view criterion) {
  return {.kept = kept_synflow,
          .ties = "drop",
          .revive = true,
          .allocations = {"global"},
          .schedules = {"one_shot", "iterative", "linear", "exponential"},
          .density_option = criterion == "synflow" ? "density" : ""};
}

}  // namespace espalier
