#include <algorithm>
#include <string_view>

#include "experiments/pruning/allocations/allocations.h"

namespace espalier {
namespace {

std::vector<std::size_t> rankings_by_structure(std::span<const AllocationScope> scopes) {
  std::vector<const AllocationScope*> firsts;
  std::vector<std::size_t> rankings;
  for (const AllocationScope& scope : scopes) {
    const auto alike = std::ranges::find_if(firsts, [&](const AllocationScope* first) {
      return first->structure == scope.structure && first->shape.size() == scope.shape.size();
    });
    rankings.push_back(static_cast<std::size_t>(alike - firsts.begin()));
    if (alike == firsts.end()) firsts.push_back(&scope);
  }
  return rankings;
}

}  // namespace

/// Scores are compared among layers of equal structure alone, whose sizes and places give them like scales: each such
/// class keeps the same share. Fang et al. 2024, arXiv:2407.04616.
Allocation allocation_isomorphic() {
  return {.rankings = rankings_by_structure};
}

}  // namespace espalier
