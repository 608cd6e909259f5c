#include "experiments/pruning/constant_units.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "experiments/operators/coupled_graph.h"
#include "experiments/operators/operator.h"
#include "experiments/pruning/coupled_scopes.h"

// The graph is walked once, in the order of computation. Of each value and each unit that has slices of it is known
// whether they depend on the examples, and if so which node brought that in: a layer with weights, or an operator that
// joins the slices with something else that does. The atoms of the coupling say which slices are whose.

namespace espalier {
namespace {

using Part = ScopeMember::Part;

/// What is known of a unit's slices of a value: the place of the node that made them depend on the examples, or this.
constexpr std::int32_t kNoSlices = -2;
constexpr std::int32_t kConstant = -1;
/// By unit; empty where no unit has slices.
using UnitStates = std::vector<std::int32_t>;

class ConstantFlow {
 public:
  ConstantFlow(const OperatorGraph& graph, const IsEmptyOutput& is_empty) : graph_(graph), coupled_(couple(graph)) {
    for (const auto& scopes : {channel_scopes(graph), head_scopes(graph)})
      for (const PruneScope& scope : scopes) add(scope, is_empty);
    states_.resize(graph.values().size());
    depends_.assign(graph.values().size(), false);
    depends_[graph.input()] = true;
    for (std::size_t place = 0; place < graph.nodes().size(); ++place) walk(place);
  }

  std::vector<ConstantUnits> result() && { return std::move(all_); }

 private:
  struct Unit {
    std::size_t scope, place;
  };

  void add(const PruneScope& scope, const IsEmptyOutput& is_empty) {
    const auto count = static_cast<std::size_t>(scope.units);
    const std::size_t first = units_.size();
    for (std::size_t unit = 0; unit < count; ++unit) units_.push_back({all_.size(), unit});
    ConstantUnits& one = all_.emplace_back(ConstantUnits{scope, {}, std::vector<std::string>(count)});
    one.emptied.assign(count, false);
    for (const ScopeMember& member : scope.members) {
      name_atoms(scope, member, first);
      if (member.reads()) read_by_[member.layer].insert(all_.size() - 1);
      if (member.part != Part::outputs) continue;
      std::vector<bool> empty(count, true);
      for (std::int64_t slice = 0; slice < member.slices(scope.units); ++slice) {
        const std::int64_t unit = member.unit(slice);
        if (unit >= 0 && !is_empty(member.layer, slice)) empty[static_cast<std::size_t>(unit)] = false;
      }
      for (std::size_t unit = 0; unit < count; ++unit) {
        if (!empty[unit]) continue;
        one.emptied[unit] = true;
        empty_.emplace(member.layer, first + unit);
      }
    }
  }

  void name_atoms(const PruneScope& scope, const ScopeMember& member, std::size_t first) {
    if (member.part == Part::grouped_inputs) return;  // outputs of other layers, named there
    const std::string name = member.part == Part::tensor ? member.layer : member.layer + ".weight";
    const std::int64_t slices = member.slices(scope.units);
    for (ValueIndex value = 0; value < graph_.values().size(); ++value) {
      if (graph_.value(value).source != Value::Source::parameter || graph_.value(value).name != name) continue;
      for (const CoupledAxis& axis : coupled_.values[value]) {
        if (std::cmp_not_equal(axis.dims[0], member.dimension) || std::ssize(axis.atoms) != slices) continue;
        for (std::int64_t slice = 0; slice < slices; ++slice) {
          const Atom set = coupled_.coupling.find(axis.atoms[static_cast<std::size_t>(slice)]);
          if (const std::int64_t unit = member.unit(slice); unit >= 0)
            unit_of_[set] = first + static_cast<std::size_t>(unit);
        }
      }
    }
  }

  void add_units(const CoupledAxis& axis, std::set<std::size_t>& units) const {
    for (const Atom atom : axis.atoms) {
      const auto found = unit_of_.find(coupled_.coupling.find(atom));
      if (found != unit_of_.end()) units.insert(found->second);
    }
  }
  std::set<std::size_t> units_in(ValueIndex value) const {
    std::set<std::size_t> units;
    for (const CoupledAxis& axis : coupled_.values[value]) add_units(axis, units);
    return units;
  }

  void walk(std::size_t place) {
    const Node& node = graph_.nodes()[place];
    depends_[node.output] =
        std::ranges::any_of(node.inputs, [&](const ValueIndex input) { return input != kNoValue && depends_[input]; });
    const std::set<std::size_t> units = units_in(node.output);
    if (!units.empty()) states_[node.output].assign(units_.size(), kNoSlices);
    const bool is_layer = node.op->has(OperatorTrait::layer) && graph_.tensor(node, 1) != nullptr;
    const std::set<std::size_t> made = is_layer ? units_made_by(node) : std::set<std::size_t>();
    for (const std::size_t unit : units)
      states_[node.output][unit] = made.contains(unit) ? state_of_layer(place, unit) : state_of(place, unit);
    const auto found = read_by_.find(node.name);
    const std::set<std::size_t> read = found == read_by_.end() ? std::set<std::size_t>() : found->second;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      const UnitStates& states = states_[node.inputs[i]];
      for (std::size_t unit = 0; unit < states.size(); ++unit) {
        if (states[unit] == kNoSlices) continue;
        if (is_layer && i == 0 && read.contains(units_[unit].scope)) {
          note_reader(node, unit, states[unit]);
        } else if (!units.contains(unit)) {
          note(unit, node.name + " (" + std::string(node.op->name()) + ") needs all of its input");
        }
      }
    }
    for (const ValueIndex input : node.inputs)
      if (input != kNoValue && graph_.readers(input).back() == place) states_[input] = {};
  }

  /// Units that the layer itself makes, which need not be those it reads.
  std::set<std::size_t> units_made_by(const Node& layer) const {
    std::set<std::size_t> units;
    const std::size_t outputs = layer.op->has(OperatorTrait::transposed) ? 1 : 0;
    for (const CoupledAxis& axis : coupled_.values[layer.inputs[1]])
      if (axis.dims[0] == outputs) add_units(axis, units);
    return units;
  }

  std::int32_t state_of_layer(std::size_t place, std::size_t unit) const {
    const Node& node = graph_.nodes()[place];
    const bool computed_bias = graph_.has_input(node, 2) && graph_.tensor(node, 2) == nullptr;
    return !computed_bias && empty_.contains({node.name, unit}) ? kConstant : static_cast<std::int32_t>(place);
  }

  std::int32_t state_of(std::size_t place, std::size_t unit) const {
    const Node& node = graph_.nodes()[place];
    const auto slices_of = [&](ValueIndex input) { return states_[input].empty() ? kNoSlices : states_[input][unit]; };
    // A head gives a mean of its values, whatever the matches are.
    const bool attends = node.op->has(OperatorTrait::attention);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueIndex input = node.inputs[i];
      if (input == kNoValue || !depends_[input] || (attends && i != 2)) continue;
      const std::int32_t state = slices_of(input);
      if (state >= 0) return state;
      if (state == kNoSlices && !node.op->has(OperatorTrait::joins)) return static_cast<std::int32_t>(place);
    }
    return kConstant;
  }

  void note_reader(const Node& node, std::size_t unit, std::int32_t state) {
    if (state != kConstant) {
      const Node& origin = graph_.nodes()[static_cast<std::size_t>(state)];
      note(unit, origin.op->has(OperatorTrait::layer)
                     ? origin.name + " still has weights there"
                     : origin.name + " (" + std::string(origin.op->name()) + ") joins that with what examples change");
    }
    if (!graph_.has_input(node, 2)) return;
    const Value* bias = graph_.tensor(node, 2);
    if (bias == nullptr || bias->source != Value::Source::parameter || graph_.readers(node.inputs[2]).size() > 1)
      note(unit, "the bias of " + node.name + " is not its own");
  }

  void note(std::size_t unit, const std::string& obstacle) {
    std::string& noted = all_[units_[unit].scope].obstacle[units_[unit].place];
    if (noted.empty()) noted = obstacle;
  }

  const OperatorGraph& graph_;
  const CoupledGraph coupled_;
  std::vector<ConstantUnits> all_;
  std::vector<Unit> units_;                               // of all scopes, one after another
  std::unordered_map<Atom, std::size_t> unit_of_;         // by set of atoms
  std::map<std::string, std::set<std::size_t>> read_by_;  // scopes, by layer
  std::set<std::pair<std::string, std::size_t>> empty_;   // layer, unit
  std::vector<UnitStates> states_;                        // by value
  std::vector<bool> depends_;                             // by value: on the examples
};

}  // namespace

std::vector<ConstantUnits> constant_units(const OperatorGraph& graph, const IsEmptyOutput& is_empty) {
  return ConstantFlow(graph, is_empty).result();
}

}  // namespace espalier
