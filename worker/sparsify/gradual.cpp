#include "base/error.h"
#include "worker/pruning/prune_network.h"
#include "worker/sparsify/sparsifier.h"

namespace espalier {
namespace {

/// GradualSpec says before which steps the weights are scored, and what stays.
class Gradual : public Sparsifier {
 public:
  explicit Gradual(const SparsifierContext& context) : context_(context), spec_(*context.spec.gradual) {}

  bool before_step(std::int64_t step) override {
    const std::int64_t since = step - spec_.first_step;
    if (since < 0 || since % spec_.every != 0) return false;
    const auto update = static_cast<std::size_t>(since / spec_.every);
    if (update >= spec_.targets.size()) return false;
    const PruneSpec& prune = spec_.prune;
    const ResidentDataset* data = prune.dataset && prune.batches > 0 ? &context_.data : nullptr;
    Network& network = context_.network;
    const PruneBatches batches(prune, data, context_.seed, update, network.parameters().device());
    prune_network(network, {prune, spec_.targets[update], context_.seed, true, batches});
    return true;
  }

 private:
  const SparsifierContext context_;
  const GradualSpec& spec_;
};

}  // namespace

std::unique_ptr<Sparsifier> make_gradual_sparsifier(const SparsifierContext& context) {
  if (!context.spec.gradual)
    throw Error(ErrorKind::invalid_input, "train.sparsify: gradual takes its targets from prune.schedule");
  return std::make_unique<Gradual>(context);
}

}  // namespace espalier
