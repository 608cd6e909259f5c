#include "worker/pruning/scope_units.h"

#include <algorithm>
#include <string>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones_like.h>

#include "base/error.h"
#include "worker/selection/unit_grid.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;
using MemberPart = ScopeMember::Part;

const PrunableWeight* find_layer(const Network& network, const std::string& layer) {
  for (const PrunableWeight& prunable : network.prunable()) {
    if (prunable.layer == layer) return &prunable;
  }
  return nullptr;
}

const Parameter* find_parameter(const Network& network, const std::string& name) {
  for (const Parameter& parameter : network.named()) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

/// The weight, scale or parameter that the member is about.
std::string parameter_of(const ScopeMember& member) {
  return member.part == MemberPart::tensor ? member.layer : member.layer + ".weight";
}

/// How the units cut a tensor of the member: a weight, or a bias, scale or shift of one dimension.
UnitGrid grid_of(const ScopeMember& member, const Granularity& granularity, at::IntArrayRef shape,
                 std::int64_t dimension) {
  if (member.part == MemberPart::whole) return unit_grid(shape, {.kind = Kind::layer});
  if (granularity.kind == Kind::block) return unit_grid(shape, granularity);
  const std::int64_t step = member.unit_of.empty() ? member.step : 1;
  UnitGrid grid = member.part == MemberPart::grouped_inputs
                      ? unit_grid_by_group(shape, member.groups)
                      : unit_grid_along(shape, static_cast<int>(dimension), step, member.layer);
  grid.unit_of = member.unit_of;
  return grid;
}

/// The unit that the grid's first one is: a whole tensor is one unit, another for each block.
std::int64_t first_unit(const PruneScope& scope, std::size_t member) {
  return scope.members[member].part == MemberPart::whole ? scope.unit_of[member] : 0;
}

/// The units that a grid speaks of.
std::span<const std::uint8_t> kept_of(const UnitGrid& grid, std::span<const std::uint8_t> kept) {
  return grid.unit_of.empty() ? kept.first(static_cast<std::size_t>(grid.units())) : kept;
}

at::Tensor bytes_on_cpu(const at::Tensor& mask) {
  return mask.to(at::kByte).to(at::kCPU).contiguous();
}

std::span<const std::uint8_t> span_of(const at::Tensor& bytes) {
  return {bytes.data_ptr<std::uint8_t>(), static_cast<std::size_t>(bytes.numel())};
}

at::Tensor& mask_called(NamedTensors& masks, const Parameter& parameter) {
  for (auto& [name, mask] : masks) {
    if (name == parameter.name) return mask;
  }
  masks.emplace_back(parameter.name, at::ones_like(parameter.mask, at::kByte));
  return masks.back().second;
}

void narrow_mask(const Parameter& parameter, const UnitGrid& grid, std::span<const std::uint8_t> kept, bool revive,
                 NamedTensors& masks) {
  at::Tensor& mask = mask_called(masks, parameter);
  const at::Tensor before = bytes_on_cpu(mask);
  std::vector<std::uint8_t> left = expand_units(grid, kept, revive ? std::span<const std::uint8_t>{} : span_of(before));
  mask = at::from_blob(left.data(), mask.sizes(), at::kByte).clone().to(mask.device());
}

}  // namespace

bool counts_weights(const Granularity& granularity) {
  return granularity.kind == Kind::weight || granularity.kind == Kind::n_of_m;
}

const PrunableWeight& layer_of(const PruneScope& scope, const Network& network) {
  if (const PrunableWeight* layer = find_layer(network, scope.name)) return *layer;
  throw Error(ErrorKind::internal, "no layer of the network is called " + scope.name);
}

std::vector<std::uint8_t> units_left(const PruneScope& scope, const Granularity& granularity, const Network& network) {
  if (counts_weights(granularity)) {
    const at::Tensor bytes = bytes_on_cpu(layer_of(scope, network).mask);
    return {span_of(bytes).begin(), span_of(bytes).end()};
  }
  Scores masks;
  for (const PrunableWeight& layer : network.prunable()) masks.push_back(layer.mask);
  return score_units(scope, granularity, network, masks).surviving;
}

UnitScores score_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                       const Scores& scores) {
  UnitReducer reducer(scope.units, granularity.reduction);
  for (std::size_t i = 0; i < scope.members.size(); ++i) {
    const ScopeMember& member = scope.members[i];
    const PrunableWeight* layer = find_layer(network, member.layer);
    if (layer == nullptr || !member.goes) continue;
    const auto index = static_cast<std::size_t>(layer - network.prunable().data());
    if (!scores.at(index).defined()) continue;
    const at::Tensor values = scores[index].to(at::kCPU).contiguous();
    const at::Tensor mask = bytes_on_cpu(layer->mask);
    const std::span<const float> elements(values.data_ptr<float>(), static_cast<std::size_t>(values.numel()));
    reducer.add({member.layer, elements, span_of(mask)}, grid_of(member, granularity, values.sizes(), member.dimension),
                first_unit(scope, i));
  }
  return {reducer.scores(), reducer.surviving()};
}

void mask_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                std::span<const std::uint8_t> kept_units, bool revive, NamedTensors& masks) {
  if (counts_weights(granularity)) {
    const Parameter* weight = find_parameter(network, layer_of(scope, network).parameter);
    at::Tensor& mask = mask_called(masks, *weight);
    // from_blob wants a writable pointer; only the copy is kept.
    auto* bytes = const_cast<std::uint8_t*>(kept_units.data());
    mask = at::from_blob(bytes, mask.sizes(), at::kByte).clone().to(mask.device());
    return;
  }
  const bool with_biases = removes_units_whole(granularity);
  for (std::size_t i = 0; i < scope.members.size(); ++i) {
    const ScopeMember& member = scope.members[i];
    if (!member.goes) continue;
    const auto kept = kept_units.subspan(static_cast<std::size_t>(first_unit(scope, i)));
    const Parameter* weight = find_parameter(network, parameter_of(member));
    if (weight == nullptr)
      throw Error(ErrorKind::internal, "no parameter of the network is called " + parameter_of(member));
    const UnitGrid grid = grid_of(member, granularity, weight->mask.sizes(), member.dimension);
    narrow_mask(*weight, grid, kept_of(grid, kept), revive, masks);
    const Parameter* bias = find_parameter(network, member.layer + ".bias");
    const bool has_bias =
        member.part == MemberPart::outputs || member.part == MemberPart::norm || member.part == MemberPart::whole;
    if (!with_biases || !has_bias || bias == nullptr) continue;
    const UnitGrid shifts = grid_of(member, granularity, bias->mask.sizes(), 0);
    narrow_mask(*bias, shifts, kept_of(shifts, kept), revive, masks);
  }
}

}  // namespace espalier
