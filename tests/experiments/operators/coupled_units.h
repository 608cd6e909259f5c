#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/operators/coupled_graph.h"
#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator_graph.h"

namespace espalier {

using Sizes = std::vector<std::int64_t>;

/// What couple() finds in a graph, as text.
class CoupledUnits {
 public:
  CoupledUnits(GraphBuilder& graph, ValueIndex output) : graph_(graph.finish(output)), coupled_(couple(graph_)) {}

  /// What leaves with index `index` of dimension `dim` of a tensor, in the order of making:
  /// "conv1.weight[2] bn1.weight[2] fc.weight[:,8 9 10 11]".
  std::string with(const std::string& tensor, std::size_t index, std::size_t dim = 0) const {
    const Atom unit = coupled_.coupling.find(atom(tensor, index, dim));
    std::string text;
    for (ValueIndex value = 0; value < graph_.values().size(); ++value) {
      if (graph_.value(value).source != Value::Source::parameter && graph_.value(value).source != Value::Source::buffer)
        continue;
      for (const CoupledAxis& axis : coupled_.values[value]) {
        std::string indices;
        for (std::size_t i = 0; i < axis.atoms.size(); ++i) {
          if (coupled_.coupling.find(axis.atoms[i]) == unit)
            indices += (indices.empty() ? "" : " ") + std::to_string(i);
        }
        if (indices.empty()) continue;
        text +=
            (text.empty() ? "" : " ") + graph_.value(value).name + (axis.dims[0] == 0 ? "[" : "[:,") + indices + "]";
      }
    }
    return text;
  }

  /// The node without which it could leave; "": it can.
  std::string kept_by(const std::string& tensor, std::size_t index, std::size_t dim = 0) const {
    const Node* node = coupled_.coupling.blocked_by(atom(tensor, index, dim));
    return node == nullptr ? "" : node->name;
  }
  bool is_head(const std::string& tensor, std::size_t index, std::size_t dim = 0) const {
    return coupled_.coupling.is_head(atom(tensor, index, dim));
  }

  const OperatorGraph& graph() const { return graph_; }
  const Coupling& coupling() const { return coupled_.coupling; }
  /// Of the value that a node makes.
  const CoupledDims& dims_of_node(const std::string& node) const { return coupled_.values.at(place_of(node)); }

 private:
  ValueIndex place_of(const std::string& name) const {
    const auto found = std::ranges::find(graph_.values(), name, &Value::name);
    return static_cast<ValueIndex>(found - graph_.values().begin());
  }

  Atom atom(const std::string& tensor, std::size_t index, std::size_t dim) const {
    for (const CoupledAxis& axis : coupled_.values.at(place_of(tensor))) {
      if (axis.dims[0] == dim) return axis.atoms.at(index);
    }
    throw std::out_of_range(tensor + " has no indices that could leave in dimension " + std::to_string(dim));
  }

  OperatorGraph graph_;
  CoupledGraph coupled_;
};

}  // namespace espalier
