#include "experiments/operators/coupled_graph.h"

#include "experiments/operators/operator.h"

namespace espalier {

namespace {

/// Whether each set of atoms covers whole slabs along dimension d of the axis: all indices of the others.
bool has_slabs(const Coupling& coupling, const CoupledAxis& axis, const Dims& dims, std::size_t d) {
  std::size_t inner = 1;
  for (std::size_t i = d + 1; i < axis.dims.size(); ++i) inner *= static_cast<std::size_t>(dims[axis.dims[i]].size);
  const auto size = static_cast<std::size_t>(dims[axis.dims[d]].size);
  std::vector<Atom> sets(size, -1);
  for (std::size_t i = 0; i < axis.atoms.size(); ++i) {
    Atom& set = sets[i / inner % size];
    const Atom found = coupling.find(axis.atoms[i]);
    if (set < 0) set = found;
    if (set != found) return false;
  }
  return true;
}

/// What is left of a value after units have left must be a block of numbers again.
void need_rectangles(CoupledGraph& coupled, const OperatorGraph& graph) {
  for (const Node& node : graph.nodes()) {
    for (const CoupledAxis& axis : coupled.values[node.output]) {
      bool fits = axis.dims.size() == 1;
      for (std::size_t d = 0; d < axis.dims.size() && !fits; ++d)
        fits = has_slabs(coupled.coupling, axis, graph.value(node.output).dims, d);
      if (!fits) coupled.coupling.block(axis.atoms, node);
    }
  }
}

}  // namespace

CoupledGraph couple(const OperatorGraph& graph) {
  CoupledGraph result;
  result.values.resize(graph.values().size());
  for (ValueIndex i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph.value(i);
    const bool is_parameter = value.source == Value::Source::parameter;
    if (!is_parameter && value.source != Value::Source::buffer) continue;
    for (std::size_t dim = 0; dim < value.dims.size(); ++dim) {
      if (value.dims[dim].size < 2) continue;
      result.values[i].push_back(
          {{dim}, result.coupling.make(value.dims[dim].size), is_parameter ? std::optional(0.0) : std::nullopt});
    }
  }
  for (const Node& node : graph.nodes()) {
    std::vector<CoupledDims> inputs;
    for (const ValueIndex input : node.inputs)
      inputs.push_back(input == kNoValue ? CoupledDims() : result.values[input]);
    result.values[node.output] = node.op->couple(result.coupling, graph, node, inputs);
  }
  if (const std::size_t last = graph.maker(graph.output()); last < graph.nodes().size())
    block_all(result.coupling, result.values[graph.output()], graph.nodes()[last]);
  need_rectangles(result, graph);
  return result;
}

}  // namespace espalier
