#pragma once

#include <memory>
#include <span>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator.h"
#include "worker/layers/masked_layer.h"
#include "worker/operators/pass.h"

namespace espalier {

/// A node with what it needs to compute: its inputs in their order, undefined where it has none.
struct Computed {
  const OperatorGraph& graph;
  const Node& node;
  std::span<const at::Tensor> inputs;
  const Pass& pass;

  const at::Tensor& x() const { return inputs[0]; }
  at::Tensor input(std::size_t index) const { return index < inputs.size() ? inputs[index] : at::Tensor(); }
};

/// How an operator computes with tensors. Differentiable. Errors: c10::Error for tensors that do not fit the graph.
using Computation = at::Tensor (*)(const Computed& computed);

/// Errors: ErrorKind::internal for an operator without one.
Computation computation_of(const Operator& op);

/// The layer of a node whose weight can be pruned.
std::shared_ptr<MaskedLayer> make_layer(const OperatorGraph& graph, const Node& node, LayerTensors tensors);

/// compute_<suffix> for each line of experiments/operators/operators.def.
#define ESPALIER_OPERATOR(suffix) at::Tensor compute_##suffix(const Computed& computed);
#include "experiments/operators/operators.def"
#undef ESPALIER_OPERATOR

/// Functions of one or two numbers, by name; null for another's.
Computation function_called(std::string_view name);

}  // namespace espalier
