#include "worker/pruning/network_paths.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "experiments/pruning/network_size.h"
#include "worker/pruning/connectivity.h"

namespace espalier {
namespace {

/// The masks' bytes on the CPU, and views of them.
struct HeldMasks {
  std::vector<at::Tensor> held;
  MaskViews views;

  explicit HeldMasks(const NamedTensors& masks) {
    for (const auto& [name, mask] : masks) {
      const at::Tensor& bytes = held.emplace_back(mask.to(at::kByte).to(at::kCPU).contiguous());
      views[name] = {bytes.data_ptr<std::uint8_t>(), static_cast<std::size_t>(bytes.numel())};
    }
  }
};

}  // namespace

bool has_path(const Network& network) {
  if (!network.masked() || !network.description().graph) return true;
  return find_paths(network.description(), HeldMasks(network.masks()).views).connectivity.connected;
}

void report_masks(const Network& network, StageOutcome& outcome) {
  const NamedTensors masks = network.masks();
  report_paths(network.description(), HeldMasks(masks).views, outcome);
  const TensorFile bytes = to_file(masks, {});
  outcome.shrunk_size = size_under(network.description(), bytes.content.tensors);
}

}  // namespace espalier
