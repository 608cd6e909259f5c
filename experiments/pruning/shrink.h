#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/operators/coupled_graph.h"

namespace espalier {

/// Units that leave, as sets of atoms of a coupled graph.
class Removal {
 public:
  /// Both outlive it.
  Removal(const OperatorGraph& graph, const CoupledGraph& coupled) : graph_(graph), coupled_(coupled) {}

  /// The unit that has the index of a dimension of a parameter. Errors: ErrorKind::invalid_input, naming it, for an
  /// index that cannot leave; ErrorKind::internal for one that is not there.
  void remove(const std::string& parameter, std::size_t dimension, std::int64_t index);

  bool leaves(Atom atom) const;
  const OperatorGraph& graph() const { return graph_; }
  const CoupledGraph& coupled() const { return coupled_; }

 private:
  const OperatorGraph& graph_;
  const CoupledGraph& coupled_;
  std::vector<Atom> sets_;  // sorted
};

/// What is left of a parameter or buffer.
struct KeptTensor {
  std::string name;
  std::vector<std::vector<std::int64_t>> kept;  ///< by dimension, ascending
  /// Of a convolution in groups: the inputs that stay, group by group; then kept[1] is not used. Indices are within the
  /// group.
  std::vector<std::vector<std::int64_t>> inputs_by_group;
};

struct ShrunkGraph {
  OperatorGraph graph;              ///< its tensors are called as the original's
  std::vector<KeptTensor> tensors;  ///< of each of its parameters and buffers, in its order
};

/// The graph without what leaves. Computes what the original does with the parameters of the units at zero, and with
/// the columns at zero that read units that are not zero then (CoupledAxis::removed). Errors: ErrorKind::invalid_input,
/// naming the operator, for what would leave no block of numbers, such as unequal groups of a convolution.
ShrunkGraph shrink(const Removal& removal);

}  // namespace espalier
