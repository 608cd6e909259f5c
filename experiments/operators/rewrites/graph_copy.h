#pragma once

#include <vector>

#include "experiments/operators/graph_builder.h"

namespace espalier {

/// Makes a graph of another, node by node; what is copied by nobody is not in it. Parameters and buffers come with the
/// first node that reads them.
class GraphCopy {
 public:
  explicit GraphCopy(const OperatorGraph& graph);

  /// The value in the new graph. Errors: ErrorKind::internal for one of a node that was neither copied nor replaced.
  ValueIndex at(ValueIndex value);
  /// As it is, of the new values.
  void copy(const Node& node);
  /// Nodes that read `value` read `now`, of the new graph.
  void replace(ValueIndex value, ValueIndex now) { values_[value] = now; }
  /// Parameters that are copied from now on have these roles, one for each of the old graph's values.
  void set_roles(std::vector<ParameterRole> roles) { roles_ = std::move(roles); }

  GraphBuilder& builder() { return builder_; }
  OperatorGraph finish() { return builder_.finish(at(graph_.output())); }

 private:
  const OperatorGraph& graph_;
  GraphBuilder builder_;
  std::vector<ValueIndex> values_;
  std::vector<ParameterRole> roles_;
};

/// By place in nodes(): whether the output depends on it.
std::vector<bool> read_nodes(const OperatorGraph& graph);

}  // namespace espalier
