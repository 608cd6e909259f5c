#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// The code of a graph's forward pass while it is written, node after node.
class ScriptWriter {
 public:
  /// `tensor` says how the code reads a parameter or buffer: "self.conv1.weight".
  ScriptWriter(const OperatorGraph& graph, const std::function<std::string(ValueIndex)>& tensor);

  const OperatorGraph& graph() const { return graph_; }
  const Dims& dims(const Node& node, std::size_t place) const { return graph_.dims(node, place); }
  /// How the code reads an input of a node; "None" if it has none.
  std::string input(const Node& node, std::size_t place) const;

  /// Adds a line that gives the expression a name, which begins with `name`, and returns it.
  std::string let(const std::string& name, const std::string& expression);
  /// The same for the node's own output.
  void put(const Node& node, const std::string& expression);

  /// def forward(self, input), all of it.
  std::string code() const;

 private:
  const OperatorGraph& graph_;
  std::vector<std::string> names_;  // by ValueIndex
  std::set<std::string> taken_;
  std::string lines_;
};

}  // namespace espalier
