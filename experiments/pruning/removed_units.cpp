#include "experiments/pruning/removed_units.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/removable_blocks.h"

namespace espalier {
namespace {

using Part = ScopeMember::Part;

bool keeps_nothing(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

/// Bytes of a slice of a mask, run by run.
bool is_empty_slice(const TensorBytes& mask, std::int64_t dimension, std::int64_t slice) {
  std::int64_t inner = 1, outer = 1;
  for (std::int64_t i = 0; i < std::ssize(mask.shape); ++i) {
    if (i < dimension) outer *= mask.shape[static_cast<std::size_t>(i)];
    if (i > dimension) inner *= mask.shape[static_cast<std::size_t>(i)];
  }
  const std::int64_t size = mask.shape[static_cast<std::size_t>(dimension)];
  for (std::int64_t o = 0; o < outer; ++o) {
    const auto first = static_cast<std::size_t>((o * size + slice) * inner);
    if (!keeps_nothing(mask.bytes.substr(first, static_cast<std::size_t>(inner)))) return false;
  }
  return true;
}

/// Input i of a convolution in groups: index i mod (in / groups) of dimension 1, in the rows of its group.
bool is_empty_group_input(const TensorBytes& mask, std::int64_t groups, std::int64_t input) {
  const std::int64_t inputs = mask.shape[1], rows = mask.shape[0] / groups;
  std::int64_t area = 1;
  for (std::size_t i = 2; i < mask.shape.size(); ++i) area *= mask.shape[i];
  const std::int64_t group = input / inputs, index = input % inputs;
  for (std::int64_t row = group * rows; row < (group + 1) * rows; ++row) {
    const auto first = static_cast<std::size_t>((row * inputs + index) * area);
    if (!keeps_nothing(mask.bytes.substr(first, static_cast<std::size_t>(area)))) return false;
  }
  return true;
}

class MaskedUnits {
 public:
  MaskedUnits(const OperatorGraph& graph, const std::vector<TensorBytes>& masks) {
    for (const Value& value : graph.values())
      if (value.source == Value::Source::parameter) masks_[value.name] = nullptr;
    for (const TensorBytes& mask : masks) masks_[mask.name] = &mask;
  }

  std::vector<bool> empty_units(const PruneScope& scope) const {
    std::vector<bool> empty(static_cast<std::size_t>(scope.units), true);
    for (const ScopeMember& member : scope.members) {
      if (!member.goes) continue;
      for (std::int64_t slice = 0; slice < member.slices(scope.units); ++slice) {
        const std::int64_t unit = member.unit(slice);
        if (unit < 0 || !empty[static_cast<std::size_t>(unit)]) continue;
        empty[static_cast<std::size_t>(unit)] = is_empty(member, slice);
      }
    }
    return empty;
  }

  std::vector<bool> empty_blocks(const PruneScope& scope) const {
    std::vector<bool> empty(scope.blocks.size(), true);
    for (std::size_t i = 0; i < scope.members.size(); ++i) {
      const std::string& layer = scope.members[i].layer;
      if (!is_whole_empty(layer + ".weight") || !is_whole_empty(layer + ".bias"))
        empty[static_cast<std::size_t>(scope.unit_of[i])] = false;
    }
    return empty;
  }

 private:
  bool is_empty(const ScopeMember& member, std::int64_t slice) const {
    if (member.part == Part::tensor) return is_empty(member.layer, member.dimension, slice);
    if (member.part == Part::grouped_inputs) {
      const TensorBytes* mask = masks_.at(member.layer + ".weight");
      return mask != nullptr && is_empty_group_input(*mask, member.groups, slice);
    }
    if (!is_empty(member.layer + ".weight", member.dimension, slice)) return false;
    return member.reads() || is_empty(member.layer + ".bias", 0, slice);
  }
  /// A parameter that the network does not have is empty.
  bool is_empty(const std::string& parameter, std::int64_t dimension, std::int64_t slice) const {
    const auto found = masks_.find(parameter);
    if (found == masks_.end()) return true;
    return found->second != nullptr && is_empty_slice(*found->second, dimension, slice);
  }
  bool is_whole_empty(const std::string& parameter) const {
    const auto found = masks_.find(parameter);
    if (found == masks_.end()) return true;
    return found->second != nullptr && keeps_nothing(found->second->bytes);
  }

  std::map<std::string, const TensorBytes*> masks_;  // by every parameter; null: all is kept
};

}  // namespace

std::vector<RemovedUnits> removed_units(const OperatorGraph& graph, const std::vector<TensorBytes>& masks,
                                        const std::vector<std::vector<bool>>& besides) {
  const MaskedUnits masked(graph, masks);
  std::vector<RemovedUnits> removed;
  const auto add = [&](const PruneScope& scope, std::vector<bool> leaves) {
    if (std::ranges::find(leaves, true) != leaves.end()) removed.push_back({scope, std::move(leaves)});
  };
  std::size_t place = 0;
  for (const auto& scopes : {channel_scopes(graph), head_scopes(graph)}) {
    for (const PruneScope& scope : scopes) {
      std::vector<bool> leaves = masked.empty_units(scope);
      for (std::size_t unit = 0; unit < leaves.size() && !besides.empty(); ++unit)
        leaves[unit] = leaves[unit] || besides.at(place)[unit];
      ++place;
      if (std::ranges::find(leaves, false) == leaves.end()) leaves[0] = false;
      add(scope, std::move(leaves));
    }
  }
  for (const PruneScope& scope : block_scopes(graph)) add(scope, masked.empty_blocks(scope));
  return removed;
}

ShrunkGraph without_units(const OperatorGraph& graph, const std::vector<RemovedUnits>& units) {
  std::set<std::string> names;
  for (const RemovedUnits& one : units)
    for (std::size_t block = 0; block < one.scope.blocks.size(); ++block)
      if (one.leaves[block]) names.insert(one.scope.blocks[block]);
  std::vector<RemovableBlock> blocks = removable_blocks(graph);
  std::erase_if(blocks, [&](const RemovableBlock& block) { return !names.contains(block.name); });
  const OperatorGraph rest = blocks.empty() ? graph : without_blocks(graph, blocks);
  std::set<std::string> left;
  for (const Value& value : rest.values()) left.insert(value.name);
  const CoupledGraph coupled = couple(rest);
  Removal removal(rest, coupled);
  for (const RemovedUnits& one : units) {
    for (const ScopeMember& member : one.scope.members) {
      if (member.part != Part::outputs || !left.contains(member.layer + ".weight")) continue;
      for (std::int64_t slice = 0; slice < member.slices(one.scope.units); ++slice) {
        const std::int64_t unit = member.unit(slice);
        if (unit >= 0 && one.leaves[static_cast<std::size_t>(unit)])
          removal.remove(member.layer + ".weight", static_cast<std::size_t>(member.dimension), slice);
      }
    }
  }
  return shrink(removal);
}

ModelDescription model_without(const ModelDescription& model, const std::vector<RemovedUnits>& units) {
  ModelDescription small = model;
  if (!units.empty()) small.graph = std::make_shared<const OperatorGraph>(without_units(*model.graph, units).graph);
  return small;
}

}  // namespace espalier
