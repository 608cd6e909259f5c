#include "experiments/pruning/shrink.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rebuilt_graph.h"

namespace espalier {
namespace {

using Indices = std::vector<std::int64_t>;

/// Along dimension d of an axis over several: those of which not all leave.
Indices kept_along(const Removal& removal, const CoupledAxis& axis, const Dims& dims, std::size_t d) {
  std::size_t inner = 1;
  for (std::size_t i = d + 1; i < axis.dims.size(); ++i) inner *= static_cast<std::size_t>(dims[axis.dims[i]].size);
  const std::int64_t size = dims[axis.dims[d]].size;
  std::vector<bool> stays(static_cast<std::size_t>(size), false);
  for (std::size_t i = 0; i < axis.atoms.size(); ++i) {
    if (!removal.leaves(axis.atoms[i])) stays[i / inner % static_cast<std::size_t>(size)] = true;
  }
  Indices kept;
  for (std::int64_t i = 0; i < size; ++i)
    if (stays[static_cast<std::size_t>(i)]) kept.push_back(i);
  return kept;
}

class KeptOfGraph : public KeptIndices {
 public:
  explicit KeptOfGraph(const Removal& removal) : kept_(removal.graph().values().size()) {
    const OperatorGraph& graph = removal.graph();
    for (ValueIndex value = 0; value < kept_.size(); ++value) {
      const Dims& dims = graph.value(value).dims;
      for (const Dim& dim : dims) {
        Indices all(static_cast<std::size_t>(dim.size));
        std::iota(all.begin(), all.end(), std::int64_t{0});
        kept_[value].push_back(std::move(all));
      }
      for (const CoupledAxis& axis : removal.coupled().values[value]) {
        std::size_t places = 1;
        for (std::size_t d = 0; d < axis.dims.size(); ++d) {
          kept_[value][axis.dims[d]] = kept_along(removal, axis, dims, d);
          places *= kept_[value][axis.dims[d]].size();
        }
        const auto staying = std::ranges::count_if(axis.atoms, [&](const Atom atom) { return !removal.leaves(atom); });
        if (places != static_cast<std::size_t>(staying)) {
          throw Error(ErrorKind::invalid_input,
                      "model: what would be left of " + graph.value(value).name + " is no block of numbers");
        }
      }
    }
  }

  const Indices& kept(ValueIndex value, std::size_t dim) const override { return kept_[value][dim]; }
  void set(ValueIndex value, std::size_t dim, Indices kept) { kept_[value][dim] = std::move(kept); }

 private:
  std::vector<std::vector<Indices>> kept_;
};

/// The inputs that stay in each group of a convolution, as many in each.
std::vector<Indices> kept_by_group(const Removal& removal, const Coupling::GroupedInputs& grouped) {
  std::vector<Indices> groups;
  const std::size_t size = grouped.atoms.size() / static_cast<std::size_t>(grouped.groups);
  for (std::size_t first = 0; first < grouped.atoms.size(); first += size) {
    Indices& kept = groups.emplace_back();
    for (std::size_t i = 0; i < size; ++i)
      if (!removal.leaves(grouped.atoms[first + i])) kept.push_back(static_cast<std::int64_t>(i));
  }
  const bool equal = std::ranges::all_of(groups, [&](const Indices& one) { return one.size() == groups[0].size(); });
  if (equal) return groups;
  throw Error(ErrorKind::invalid_input, "model: the groups of " + removal.graph().value(grouped.weight).name +
                                            " would be left with unequal numbers of inputs");
}

void need_equal_outputs(const Removal& removal) {
  for (const Coupling::Balance& balance : removal.coupled().coupling.balances()) {
    const std::size_t size = balance.atoms.size() / static_cast<std::size_t>(balance.parts);
    std::vector<std::size_t> left(static_cast<std::size_t>(balance.parts), 0);
    for (std::size_t i = 0; i < balance.atoms.size(); ++i)
      if (!removal.leaves(balance.atoms[i])) ++left[i / size];
    if (std::ranges::count(left, left[0]) != std::ssize(left))
      throw Error(ErrorKind::invalid_input,
                  "model: the groups of a convolution would be left with unequal numbers of channels");
  }
}

}  // namespace

void Removal::remove(const std::string& parameter, std::size_t dimension, std::int64_t index) {
  for (ValueIndex value = 0; value < graph_.values().size(); ++value) {
    if (graph_.value(value).name != parameter || graph_.value(value).source == Value::Source::node) continue;
    for (const CoupledAxis& axis : coupled_.values[value]) {
      if (axis.dims[0] != dimension || index < 0 || index >= std::ssize(axis.atoms)) continue;
      const Atom atom = axis.atoms[static_cast<std::size_t>(index)];
      if (const Node* node = coupled_.coupling.blocked_by(atom)) {
        throw Error(ErrorKind::invalid_input, "model: index " + std::to_string(index) + " of " + parameter +
                                                  " cannot leave, because of " + node->name);
      }
      const Atom set = coupled_.coupling.find(atom);
      const auto place = std::ranges::lower_bound(sets_, set);
      if (place == sets_.end() || *place != set) sets_.insert(place, set);
      return;
    }
  }
  throw Error(ErrorKind::internal, "no index " + std::to_string(index) + " of " + parameter + " could leave");
}

bool Removal::leaves(Atom atom) const {
  return std::ranges::binary_search(sets_, coupled_.coupling.find(atom));
}

ShrunkGraph shrink(const Removal& removal) {
  const OperatorGraph& graph = removal.graph();
  KeptOfGraph kept(removal);
  std::vector<std::pair<ValueIndex, std::vector<Indices>>> grouped;
  for (const Coupling::GroupedInputs& one : removal.coupled().coupling.grouped_inputs()) {
    grouped.emplace_back(one.weight, kept_by_group(removal, one));
    kept.set(one.weight, 1, grouped.back().second.front());
  }
  need_equal_outputs(removal);
  ShrunkGraph shrunk;
  for (ValueIndex value = 0; value < graph.values().size(); ++value) {
    const Value& tensor = graph.value(value);
    if (tensor.source != Value::Source::parameter && tensor.source != Value::Source::buffer) continue;
    KeptTensor& one = shrunk.tensors.emplace_back();
    one.name = tensor.name;
    for (std::size_t dim = 0; dim < tensor.dims.size(); ++dim) one.kept.push_back(kept.kept(value, dim));
    for (const auto& [weight, by_group] : grouped)
      if (weight == value) one.inputs_by_group = by_group;
  }
  shrunk.graph = rebuilt(
      graph,
      [&](ValueIndex value) {
        std::vector<std::int64_t> sizes;
        for (std::size_t dim = 0; dim < graph.value(value).dims.size(); ++dim) sizes.push_back(kept.count(value, dim));
        return sizes;
      },
      [&](const Node& node) { return node.op->narrowed(graph, node, kept); });
  return shrunk;
}

}  // namespace espalier
