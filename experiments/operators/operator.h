#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/operators/coupling.h"
#include "experiments/operators/operator_graph.h"

namespace espalier {

/// Which indices of a graph's values stay.
class KeptIndices {
 public:
  virtual ~KeptIndices() = default;
  /// Of a dimension, ascending; all of them where nothing leaves.
  virtual const std::vector<std::int64_t>& kept(ValueIndex value, std::size_t dim) const = 0;
  std::int64_t count(ValueIndex value, std::size_t dim) const {
    return static_cast<std::int64_t>(kept(value, dim).size());
  }
};

/// What an operator makes of its inputs.
struct Inferred {
  Dims dims;
  ValueType type = ValueType::number;
};

/// Multiply-adds of one example.
struct Madds {
  std::int64_t layer = 0;     ///< products with a weight
  std::int64_t products = 0;  ///< products of two computed values, as inside attention
};

/// What others need to know of an operator, beside what it computes.
enum class OperatorTrait {
  layer,        ///< its inputs are x, a weight that can be pruned, and a bias or none
  transposed,   ///< a layer whose weight has its inputs in dimension 0, its outputs in dimension 1
  batch_norm,   ///< statistics of the batch
  layer_norm,   ///< statistics of an example
  relu,         ///< zero where it is not active
  attention,    ///< of queries, keys and values
  sum,          ///< of two values
  function,     ///< of every element by itself
  joins,        ///< its inputs lie side by side in its output
  per_channel,  ///< channel i of its output, dimension 1, is made of channel i of its first input alone
};

/// One kind of operation: its file in experiments/operators/kinds, its half that computes in worker/operators, and its
/// line in experiments/operators/operators.def. Stateless; thread-safe.
class Operator {
 public:
  virtual ~Operator() = default;
  virtual std::string_view name() const = 0;
  virtual bool has(OperatorTrait /*trait*/) const { return false; }
  /// Of a node whose inputs and attributes are set. Errors: ErrorKind::invalid_input, naming the node, for inputs that
  /// do not fit; ErrorKind::internal for attributes that are not there.
  virtual Inferred infer(const OperatorGraph& graph, const Node& node) const = 0;
  virtual Madds madds(const OperatorGraph& /*graph*/, const Node& /*node*/) const { return {}; }
  /// Which units the indices of the output belong to, given those of the inputs, and what the operator couples. Units
  /// that it cannot do without it blocks.
  virtual CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                             const std::vector<CoupledDims>& inputs) const = 0;
  /// The attributes of the node in a graph of which only these indices stay. Errors: ErrorKind::invalid_input, naming
  /// the node, for indices that it cannot do without.
  virtual Attributes narrowed(const OperatorGraph& /*graph*/, const Node& node, const KeptIndices& /*kept*/) const {
    return node.attributes;
  }
};

/// Errors: ErrorKind::invalid_input for a name that none has.
const Operator& find_operator(std::string_view name);

/// Throws ErrorKind::invalid_input: "model: NODE WHAT".
[[noreturn]] void refuse(const Node& node, const std::string& what);
/// The same, of a count: "model: NODE takes 3 inputs, but gets 1".
[[noreturn]] void refuse_inputs(const Node& node, std::int64_t takes, std::int64_t gets);

/// A dimension counted from the end if negative. Errors: as refuse().
std::size_t dim_at(const Node& node, const Dims& dims, std::int64_t dim);

}  // namespace espalier
