#include "worker/jobs/stage_network.h"

#include "base/error.h"
#include "base/log.h"

namespace espalier {

StageNetwork::StageNetwork(const StageContext& context, const ModelSpec& model, const std::string& compute)
    : context_(context), model_(model), network_(std::make_unique<Network>(masked_network())) {
  if (!compute.empty() && compute != kShrunk)
    throw Error(ErrorKind::invalid_input, "compute: \"" + compute + "\" is not known here; use " + kShrunk);
  if (compute.empty()) return;
  shrunk_ = ShrunkNetwork::of(*network_);
  if (!shrunk_) return;
  const std::int64_t before = network_->parameters().numel();
  network_ = std::make_unique<Network>(shrunk_->network());
  network_->beat_on(context_.callbacks.pulse);
  spdlog::info("attempt {}: computes {} of {} parameters; the others were removed with their channels, heads or blocks",
               context_.attempt, network_->parameters().numel(), before);
}

Network StageNetwork::masked_network() const {
  Network network = context_.network(model_);
  if (const auto masks = context_.input(InputRole::masks)) network.set_masks(*masks);
  return network;
}

void StageNetwork::set_weights(const NamedTensors& weights) {
  if (!shrunk_) return network_->set_weights(weights);
  buffers_ = shrunk_->buffers_among(weights);
  network_->set_weights(shrunk_->gathered(weights));
}

NamedTensors StageNetwork::own(const NamedTensors& whole) const {
  return shrunk_ ? shrunk_->gathered(whole) : whole;
}

NamedTensors StageNetwork::whole(const NamedTensors& own) const {
  return shrunk_ ? shrunk_->scattered(own, buffers_) : own;
}

std::optional<double> StageNetwork::check(const at::Tensor& examples) const {
  if (!shrunk_) return std::nullopt;
  Network masked = masked_network();
  masked.set_weights(whole(network_->weights()));
  return require_equal_outputs(masked, *network_, examples);
}

}  // namespace espalier
