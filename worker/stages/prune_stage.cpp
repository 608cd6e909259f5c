#include <utility>
#include <vector>

#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/random.h"
#include "experiments/model_description.h"
#include "worker/criterion.h"
#include "worker/selection.h"
#include "worker/stage_context.h"

namespace espalier {
namespace {

/// Batches of training data in the order of RandomStream(seed, "prune", pass): every example once before any comes
/// twice.
class PruneBatches {
 public:
  PruneBatches(const PruneSpec& spec, const StageContext& context) : size_(spec.batch_size) {
    if (!spec.dataset || spec.batches == 0) return;
    data_ = &context.datasets.get(*spec.dataset, context.stage.dataset_path);
    if (spec.batch_size <= 0 || data_->train().count() == 0) {
      throw Error(ErrorKind::invalid_input,
                  "pruning by " + spec.criterion + " needs a batch size and a training set above 0");
    }
    std::vector<std::int64_t> order;
    for (std::uint64_t pass = 0; static_cast<std::int64_t>(order.size()) < spec.batches * size_; ++pass) {
      const auto again = RandomStream(context.stage.seed, "prune", pass).permutation(data_->train().count());
      order.insert(order.end(), again.begin(), again.end());
    }
    order_ = at::tensor(order, at::kLong).to(context.device);
  }

  Batch batch(std::int64_t index) const {
    return data_->gather(data_->train(), order_.narrow(0, index * size_, size_));
  }

 private:
  std::int64_t size_;
  const ResidentDataset* data_ = nullptr;
  at::Tensor order_;
};

/// Scores and masks of a network on the CPU, as selection takes them.
struct ScoredNetwork {
  std::vector<at::Tensor> held;
  std::vector<ScoredLayer> layers;

  ScoredNetwork(const Network& network, const Scores& scores) {
    for (std::size_t i = 0; i < network.prunable().size(); ++i) {
      const PrunableWeight& prunable = network.prunable()[i];
      const auto count = static_cast<std::size_t>(prunable.weight.numel());
      const at::Tensor& score = held.emplace_back(scores.at(i).to(at::kCPU).contiguous());
      const float* values = score.data_ptr<float>();
      const at::Tensor& mask = held.emplace_back(prunable.mask.to(at::kByte).to(at::kCPU).contiguous());
      const std::uint8_t* surviving = mask.data_ptr<std::uint8_t>();
      layers.push_back({prunable.layer, {values, count}, {surviving, count}});
    }
  }
};

}  // namespace

bool run_prune_stage(const StageContext& context, StageOutcome& outcome) {
  const PruneSpec spec = parse_prune_spec(context.stage.spec);
  if (spec.granularity != "weight") {
    throw Error(ErrorKind::invalid_input, "prune.granularity: unknown \"" + spec.granularity + "\" (one of weight)");
  }
  Network network(describe_model(spec.model), context.device);
  if (const auto masks = context.input(InputRole::masks)) network.set_masks(*masks);
  const auto weights = context.input(InputRole::weights);
  if (weights) network.set_weights(*weights);
  const PruneBatches batches(spec, context);
  const Scores scores =
      find_criterion(spec.criterion)({network, weights.has_value(), context.stage.seed, spec.dataset ? spec.batches : 0,
                                      [&](std::int64_t index) { return batches.batch(index); }, {}});
  const KeepMasks kept = select_kept(ScoredNetwork(network, scores).layers, spec.target);
  NamedTensors masks;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const PrunableWeight& prunable = network.prunable()[i];
    const at::Tensor mask = at::tensor(kept[i], at::kByte).view(prunable.mask.sizes()).to(context.device);
    const std::int64_t requested = spec.target.layer_kept.empty() ? -1 : spec.target.layer_kept[i];
    outcome.layers.push_back({prunable.layer, mask.numel(), requested, mask.sum().item<std::int64_t>()});
    masks.emplace_back(prunable.parameter, mask);
  }
  context.leave(std::move(masks), InputRole::masks, outcome);
  return true;
}

}  // namespace espalier
