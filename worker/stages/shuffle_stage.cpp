#include <vector>

#include <ATen/ops/tensor.h>

#include "base/random.h"
#include "experiments/model_description.h"
#include "worker/network.h"
#include "worker/network_paths.h"
#include "worker/stage_context.h"

namespace espalier {
namespace {

std::vector<std::uint8_t> bytes_of(const at::Tensor& mask) {
  const at::Tensor held = mask.to(at::kCPU).contiguous();
  const auto* first = held.data_ptr<std::uint8_t>();
  return {first, first + held.numel()};
}

}  // namespace

bool run_shuffle_stage(const StageContext& context, StageOutcome& outcome) {
  const ShuffleSpec spec = parse_shuffle_spec(context.stage.spec);
  const NamedTensors masks = context.needed_input(InputRole::masks);
  Network network = context.network(spec.model);
  network.set_masks(masks);
  NamedTensors shuffled;
  for (std::size_t layer = 0; layer < network.prunable().size(); ++layer) {
    const PrunableWeight& prunable = network.prunable()[layer];
    std::vector<std::uint8_t> mask = bytes_of(prunable.mask.to(at::kByte));
    RandomStream(context.stage.seed, "mask", layer).shuffle(mask);
    const at::Tensor tensor = at::tensor(mask, at::kByte).view(prunable.mask.sizes()).to(context.device);
    const auto kept = tensor.sum().item<std::int64_t>();
    outcome.layers.push_back({prunable.layer, tensor.numel(), kept, kept});
    shuffled.emplace_back(prunable.parameter, tensor);
  }
  network.set_masks(shuffled);
  report_paths(network, outcome);
  context.leave(std::move(shuffled), InputRole::masks, outcome);
  return true;
}

}  // namespace espalier
