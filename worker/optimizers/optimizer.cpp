#include "worker/optimizers/optimizer.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {
namespace {

struct OptimizerEntry {
  const char* name;
  std::unique_ptr<Optimizer> (*make)(const OptimizerSpec&, const at::Tensor&, bool);
};
constexpr OptimizerEntry kOptimizers[] = {
#define ESPALIER_OPTIMIZER(name, ...) {#name, make_##name},
#include "experiments/catalog/optimizers.def"
#undef ESPALIER_OPTIMIZER
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerSpec& spec, const at::Tensor& weights) {
  std::vector<std::string> choices;
  for (const OptimizerEntry& entry : kOptimizers) {
    if (entry.name == spec.name) return entry.make(spec, weights, weights.device().is_cpu());
    choices.emplace_back(entry.name);
  }
  throw Error(ErrorKind::invalid_input, "train.optimizer: " + unknown_name(spec.name, choices));
}

}  // namespace espalier
