#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// Examples for a graph, always the same: float64, normal; or numbers of tokens that its tables have, int64.
at::Tensor random_examples(const OperatorGraph& graph, std::int64_t count);

/// A parameter or buffer. It is asked for whenever a node reads it, and not kept.
using TensorByName = std::function<at::Tensor(const std::string& name)>;
/// Told of a node before it computes: its place in the graph and its inputs, undefined where it has none.
using NodeVisitor = std::function<void(std::size_t place, std::span<const at::Tensor> inputs)>;

/// What a graph computes in evaluation mode, in the precision of its tensors. Errors: c10::Error for tensors that do
/// not fit it.
at::Tensor outputs_of(const OperatorGraph& graph, const at::Tensor& examples, const TensorByName& tensor_called,
                      const NodeVisitor& visit = {});

}  // namespace espalier
