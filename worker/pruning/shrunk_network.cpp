#include "worker/pruning/shrunk_network.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "worker/pruning/narrowed_tensor.h"

namespace espalier {
namespace {

constexpr std::string_view kMaskSuffix = ".mask";

std::vector<RemovedUnits> units_removed_from(const Network& network) {
  const TensorFile masks = to_file(network.masks(), {});
  return removed_units(*network.description().graph, masks.content.tensors);
}

at::Tensor taken(const at::Tensor& whole, const at::Tensor& places) {
  return whole.reshape({-1}).index_select(0, places.reshape({-1})).reshape(places.sizes());
}

at::Tensor put_back(const at::Tensor& small, const at::Tensor& places, const at::Tensor& before) {
  return before.reshape({-1}).index_copy(0, places.reshape({-1}), small.reshape({-1})).reshape(before.sizes());
}

}  // namespace

std::optional<ShrunkNetwork> ShrunkNetwork::of(const Network& whole) {
  if (!whole.description().graph || !whole.masked()) return std::nullopt;
  const std::vector<RemovedUnits> units = units_removed_from(whole);
  if (units.empty()) return std::nullopt;
  return ShrunkNetwork(whole, units);
}

ShrunkNetwork::ShrunkNetwork(const Network& whole, const std::vector<RemovedUnits>& units)
    : description_(whole.description()),
      device_(whole.named().front().leaf.device()),
      type_(whole.named().front().leaf.scalar_type()) {
  const OperatorGraph& graph = *whole.description().graph;
  ShrunkGraph shrunk = without_units(graph, units);
  const auto kept_of = [&](const std::string& name) {
    const auto found = std::ranges::find(shrunk.tensors, name, &KeptTensor::name);
    return found == shrunk.tensors.end() ? nullptr : &*found;
  };
  const auto add = [&](const std::string& name, const at::Tensor& tensor, bool is_buffer) {
    const at::Tensor all = at::arange(tensor.numel(), at::kLong).reshape(tensor.sizes());
    const KeptTensor* kept = kept_of(name);
    parts_.push_back({name, kept != nullptr ? narrowed(all, *kept) : at::empty({0}, at::kLong),
                      at::zeros({1}, tensor.options()).expand(tensor.sizes()), is_buffer});
  };
  std::map<std::string, std::int64_t> offsets;
  for (const Parameter& parameter : whole.named()) {
    add(parameter.name, parameter.leaf, false);
    offsets[parameter.name] = whole_count_;
    whole_count_ += parameter.leaf.numel();
  }
  for (const Buffer& buffer : whole.buffers()) add(buffer.name, buffer.tensor, true);
  std::vector<at::Tensor> flat;  // in the order of the smaller network's parameters
  for (const KeptTensor& kept : shrunk.tensors) {
    const auto offset = offsets.find(kept.name);
    if (offset != offsets.end()) flat.push_back(part_of(kept.name)->places.reshape({-1}).add(offset->second));
  }
  flat_places_ = at::cat(flat).to(device_);
  for (Part& part : parts_) part.places = part.places.to(device_);
  description_.graph = std::make_shared<const OperatorGraph>(std::move(shrunk.graph));
  masks_ = gathered(whole.masks());
  const auto keeps_all = [](const auto& mask) { return mask.second.all().template item<bool>(); };
  if (std::ranges::all_of(masks_, keeps_all)) masks_.clear();
}

Network ShrunkNetwork::network() const {
  Network network(description_, device_, type_);
  if (!masks_.empty()) network.set_masks(masks_);
  return network;
}

const ShrunkNetwork::Part* ShrunkNetwork::part_of(const std::string& tensor) const {
  const bool is_mask = tensor.ends_with(kMaskSuffix);
  const std::string name = is_mask ? tensor.substr(0, tensor.size() - kMaskSuffix.size()) : tensor;
  const auto found = std::ranges::find_if(
      parts_, [&](const Part& part) { return part.name == tensor || (part.name == name && !part.is_buffer); });
  return found == parts_.end() ? nullptr : &*found;
}

bool ShrunkNetwork::is_flat(const std::string& name, const at::Tensor& tensor, std::int64_t count) const {
  return name.starts_with("optimizer.") && tensor.dim() == 1 && tensor.numel() == count;
}

NamedTensors ShrunkNetwork::gathered(const NamedTensors& whole) const {
  NamedTensors left;
  for (const auto& [name, tensor] : whole) {
    const Part* part = part_of(name);
    if (part == nullptr) {
      left.emplace_back(name, is_flat(name, tensor, whole_count_) ? taken(tensor, flat_places_) : tensor);
    } else if (part->places.numel() > 0) {
      left.emplace_back(name, taken(tensor, part->places));
    }
  }
  return left;
}

NamedTensors ShrunkNetwork::scattered(const NamedTensors& small, const NamedTensors& buffers) const {
  NamedTensors whole;
  const auto called = [](const NamedTensors& tensors, const std::string& name) -> const at::Tensor* {
    const auto found = std::ranges::find_if(tensors, [&](const auto& named) { return named.first == name; });
    return found == tensors.end() ? nullptr : &found->second;
  };
  for (const Part& part : parts_) {
    const at::Tensor before = part.is_buffer ? *called(buffers, part.name) : part.zeros;
    const at::Tensor* left = called(small, part.name);
    whole.emplace_back(part.name, left == nullptr ? before : put_back(*left, part.places, before));
  }
  for (const auto& [name, tensor] : small) {
    if (part_of(name) != nullptr) continue;
    const bool flat = is_flat(name, tensor, flat_places_.numel());
    whole.emplace_back(name,
                       flat ? put_back(tensor, flat_places_, at::zeros({whole_count_}, tensor.options())) : tensor);
  }
  return whole;
}

at::Tensor ShrunkNetwork::placed(const std::string& parameter, const at::Tensor& small, double elsewhere) const {
  const Part& part = *part_of(parameter);
  const at::Tensor around = at::full(part.zeros.sizes(), elsewhere, small.options());
  return put_back(small, part.places.to(small.device()), around);
}

NamedTensors ShrunkNetwork::buffers_among(const NamedTensors& whole) const {
  NamedTensors buffers;
  for (const Part& part : parts_)
    if (part.is_buffer) buffers.emplace_back(part.name, tensor_like(whole, part.name, part.zeros));
  return buffers;
}

double require_equal_outputs(const Network& whole, const Network& small, const at::Tensor& examples) {
  const at::NoGradGuard no_grad;
  const at::Tensor expected = whole.forward(examples);
  const double largest = std::max(expected.abs().max().item<double>(), 1e-12);
  if (!std::isfinite(largest)) return 0;
  const auto difference = [&](const Network& other) {
    return other.forward(examples).sub(expected).abs().max().item<double>() / largest;
  };
  const double found = difference(small);
  const double tolerance = expected.scalar_type() == at::kDouble ? 1e-9 : 1e-3;
  if (found <= tolerance) return found;
  std::string layers;
  for (const RemovedUnits& units : units_removed_from(whole)) {
    const ShrunkNetwork alone(whole, {units});
    Network other = alone.network();
    other.set_weights(alone.gathered(whole.weights()));
    if (difference(other) > tolerance) layers += (layers.empty() ? "" : ", ") + units.scope.name;
  }
  throw Error(ErrorKind::internal, "the network without what was removed computes something else (" +
                                       std::to_string(found) + " of the largest output) because of " +
                                       (layers.empty() ? "several layers together" : layers) + "; use compute: masked");
}

}  // namespace espalier
