#include "experiments/pruning/model_epoch.h"

#include <cmath>

#include "base/rounded_share.h"

namespace espalier {

std::int64_t masks_epoch(const ModelDescription& model) {
  return has_operator(model, OperatorTrait::layer_norm) ? 2 : 1;
}

std::int64_t sensitivity_epoch(const std::vector<PruneScope>& scopes, const std::vector<double>& sparsities) {
  for (const PruneScope& scope : scopes) {
    for (const double sparsity : sparsities) {
      const auto by_binary = std::llround(static_cast<double>(scope.units) * (1 - sparsity));
      if (by_binary != rounded_share(scope.units, 1 - sparsity)) return 2;
    }
  }
  return 1;
}

}  // namespace espalier
