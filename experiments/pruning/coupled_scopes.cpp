#include "experiments/pruning/coupled_scopes.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "experiments/operators/coupled_graph.h"
#include "experiments/pruning/removable_blocks.h"

// A set of united atoms is a unit: some indices of some dimensions of some tensors. Units with slices of the same
// tensors, as many of each, are a scope.

namespace espalier {
namespace {

using Part = ScopeMember::Part;

/// One dimension of a layer's weight, a batch norm's channels, or a dimension of another parameter.
struct Place {
  std::size_t node = 0;
  Part part = Part::outputs;
  ValueIndex tensor = kNoValue;
  std::size_t dimension = 0;
  /// What reads a unit stands before what the same layer makes.
  auto order() const {
    const bool reads = part == Part::inputs || part == Part::grouped_inputs;
    return std::tuple(node, reads ? 0 : 1, tensor, dimension);
  }
  auto operator<=>(const Place& other) const { return order() <=> other.order(); }
  bool operator==(const Place& other) const { return order() == other.order(); }
};

/// The indices of a unit, by place.
using Unit = std::map<Place, std::vector<std::int64_t>>;

class UnitFinder {
 public:
  explicit UnitFinder(const OperatorGraph& graph) : graph_(graph), coupled_(couple(graph)) {
    tie_groups(coupled_.coupling);
    for (ValueIndex value = 0; value < graph.values().size(); ++value) {
      if (graph.value(value).source != Value::Source::parameter) continue;
      for (const CoupledAxis& axis : coupled_.values[value]) add(value, axis);
    }
    for (const Coupling::GroupedInputs& grouped : coupled_.coupling.grouped_inputs()) {
      const std::size_t node = graph.readers(grouped.weight)[0];
      add({node, Part::grouped_inputs, grouped.weight, 1}, grouped.atoms);
    }
  }

  /// Units of one kind that could leave, in the order of their first outputs.
  std::vector<PruneScope> scopes(bool heads) {
    std::map<std::vector<std::pair<Place, std::size_t>>, std::vector<const Unit*>> alike;
    for (const auto& [atom, unit] : units_) {
      if (coupled_.coupling.blocked_by(atom) != nullptr || coupled_.coupling.is_head(atom) != heads) continue;
      if (std::ranges::none_of(unit, [](const auto& one) { return one.first.part == Part::outputs; })) continue;
      std::vector<std::pair<Place, std::size_t>> places;
      for (const auto& [place, indices] : unit) places.emplace_back(place, indices.size());
      alike[places].push_back(&unit);
    }
    std::vector<std::pair<Place, PruneScope>> found;
    for (auto& [places, units] : alike) {
      const auto first = std::ranges::find_if(places, [](const auto& one) { return one.first.part == Part::outputs; });
      std::ranges::sort(units, {}, [&](const Unit* unit) { return unit->at(first->first).front(); });
      found.emplace_back(first->first, scope_of(units, first->first, heads));
    }
    std::ranges::sort(found, {}, [](const auto& one) { return one.first; });
    std::vector<PruneScope> scopes;
    for (auto& [place, scope] : found) scopes.push_back(std::move(scope));
    return scopes;
  }

  std::vector<LeftAlone> left_alone() const {
    std::vector<LeftAlone> all;
    for (const Node& node : graph_.nodes()) {
      const Value* weight = node.op->has(OperatorTrait::layer) ? graph_.tensor(node, 1) : nullptr;
      if (weight == nullptr || weight->source != Value::Source::parameter) continue;
      const std::size_t outputs = node.op->has(OperatorTrait::transposed) ? 1 : 0;
      if (weight->dims[outputs].size == 1) all.push_back({node.name, "it has one output"});
      for (const CoupledAxis& axis : coupled_.values[node.inputs[1]]) {
        if (axis.dims[0] != outputs) continue;
        const auto blocked = std::ranges::find_if(
            axis.atoms, [&](const Atom atom) { return coupled_.coupling.blocked_by(atom) != nullptr; });
        if (blocked != axis.atoms.end()) all.push_back({node.name, reason(*coupled_.coupling.blocked_by(*blocked))});
      }
    }
    return all;
  }

 private:
  std::string reason(const Node& node) const {
    if (node.output == graph_.output()) return "its outputs are the network's";
    return node.name + " (" + std::string(node.op->name()) + ") needs them all";
  }

  void add(ValueIndex value, const CoupledAxis& axis) {
    if (graph_.readers(value).empty()) return;
    const std::size_t index = graph_.readers(value)[0];
    const Node& node = graph_.nodes()[index];
    if (graph_.readers(value).size() > 1) {  // what several nodes share leaves with neither
      coupled_.coupling.block(axis.atoms, node);
      return;
    }
    const bool is_layer = node.op->has(OperatorTrait::layer), is_norm = node.op->has(OperatorTrait::batch_norm);
    const bool is_second = node.inputs.size() > 2 && node.inputs[2] == value;
    if ((is_layer || is_norm) && is_second) return;  // the bias goes with the weight, the shift with the scale
    Place place{index, Part::tensor, value, axis.dims[0]};
    if (is_norm && node.inputs[1] == value) place.part = Part::norm;
    if (is_layer && node.inputs[1] == value) {
      const bool transposed = node.op->has(OperatorTrait::transposed);
      place.part = (axis.dims[0] == 0) == transposed ? Part::inputs : Part::outputs;
      if (axis.dims[0] > 1) place.part = Part::tensor;
    }
    add(place, axis.atoms);
  }
  void add(const Place& place, const std::vector<Atom>& atoms) {
    for (std::size_t i = 0; i < atoms.size(); ++i)
      units_[coupled_.coupling.find(atoms[i])][place].push_back(static_cast<std::int64_t>(i));
  }

  PruneScope scope_of(const std::vector<const Unit*>& units, const Place& first, bool heads) const {
    PruneScope scope;
    scope.units = static_cast<std::int64_t>(units.size());
    const std::string attention = attention_of(first);
    scope.name = attention.empty() ? graph_.nodes()[first.node].name : attention;
    for (const auto& [place, indices] : *units[0]) {
      ScopeMember member{place.part, name_of(place), static_cast<std::int64_t>(indices.size())};
      member.dimension = static_cast<std::int64_t>(place.dimension);
      member.groups = groups_of(place);
      if (member.reads()) member.goes = heads || !reads_zeros(place);
      map_slices(units, place, member);
      scope.members.push_back(std::move(member));
    }
    return scope;
  }

  void map_slices(const std::vector<const Unit*>& units, const Place& place, ScopeMember& member) const {
    std::int64_t slices = graph_.value(place.tensor).dims[place.dimension].size;
    if (place.part == Part::grouped_inputs) slices *= member.groups;
    std::vector<std::int32_t> unit_of(static_cast<std::size_t>(slices), -1);
    for (std::size_t u = 0; u < units.size(); ++u) {
      for (const std::int64_t slice : units[u]->at(place))
        unit_of[static_cast<std::size_t>(slice)] = static_cast<std::int32_t>(u);
    }
    bool regular = true;
    for (std::int64_t slice = 0; slice < slices; ++slice)
      regular = regular && unit_of[static_cast<std::size_t>(slice)] == slice / member.step;
    if (!regular) member.unit_of = std::move(unit_of);
  }

  /// Of a convolution whose groups stay as many; those of a depthwise one go with its channels.
  std::int64_t groups_of(const Place& place) const {
    const Node& node = graph_.nodes()[place.node];
    if (place.part == Part::grouped_inputs) return node.integer("groups");
    if (place.part != Part::outputs) return 1;
    return groups_that_stay(graph_, node);
  }

  std::string name_of(const Place& place) const {
    return place.part == Part::tensor ? graph_.value(place.tensor).name : graph_.nodes()[place.node].name;
  }

  /// Whether what the layer reads is zero once the unit is removed.
  bool reads_zeros(const Place& place) const {
    const Node& node = graph_.nodes()[place.node];
    const std::size_t last = graph_.dims(node, 0).size() - 1;
    const std::size_t channels = graph_.dims(node, 1).size() == 2 ? last : 1;
    for (const CoupledAxis& axis : coupled_.values[node.inputs[0]]) {
      if (std::ranges::find(axis.dims, channels) != axis.dims.end()) return axis.removed == 0.0;
    }
    return false;
  }

  std::string attention_of(const Place& place) const {
    for (const std::size_t reader : graph_.readers(graph_.nodes()[place.node].output)) {
      if (graph_.nodes()[reader].op->has(OperatorTrait::attention)) return graph_.nodes()[reader].name;
    }
    return "";
  }

  /// As many must leave of each group of a convolution: those of the same place in all groups leave together.
  static void tie_groups(Coupling& coupling) {
    for (const Coupling::Balance& balance : coupling.balances()) {
      const std::size_t size = balance.atoms.size() / static_cast<std::size_t>(balance.parts);
      for (std::size_t i = size; i < balance.atoms.size(); ++i)
        coupling.unite(balance.atoms[i % size], balance.atoms[i]);
    }
  }

  const OperatorGraph& graph_;
  CoupledGraph coupled_;
  std::map<Atom, Unit> units_;
};

}  // namespace

std::int64_t groups_that_stay(const OperatorGraph& graph, const Node& node) {
  if (!node.attributes.contains("groups")) return 1;
  const std::int64_t groups = node.integer("groups");
  return graph.dims(node, 0)[1].size == groups ? 1 : groups;
}

std::vector<PruneScope> channel_scopes(const OperatorGraph& graph) {
  return UnitFinder(graph).scopes(false);
}

std::vector<PruneScope> head_scopes(const OperatorGraph& graph) {
  return UnitFinder(graph).scopes(true);
}

std::vector<LeftAlone> left_alone(const OperatorGraph& graph) {
  return UnitFinder(graph).left_alone();
}

std::vector<PruneScope> block_scopes(const OperatorGraph& graph) {
  PruneScope scope;
  scope.name = "blocks";
  for (const RemovableBlock& block : removable_blocks(graph)) {
    for (const std::size_t place : block.nodes) {
      const Node& node = graph.nodes()[place];
      if (!node.op->has(OperatorTrait::layer) && !node.op->has(OperatorTrait::batch_norm)) continue;
      scope.members.push_back({Part::whole, node.name, 1});
      scope.unit_of.push_back(scope.units);
    }
    scope.blocks.push_back(block.name);
    ++scope.units;
  }
  return scope.units > 0 ? std::vector{scope} : std::vector<PruneScope>{};
}

}  // namespace espalier
