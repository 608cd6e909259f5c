#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// Examples for a graph, always the same: float64, normal; or numbers of tokens that its tables have, int64.
at::Tensor random_examples(const OperatorGraph& graph, std::int64_t count);

using TensorByName = std::function<at::Tensor(const std::string& name)>;

/// What the graph computes in evaluation mode, in the precision of its tensors. A parameter or buffer is asked for
/// whenever a node reads it, and not kept.
at::Tensor outputs_of(const OperatorGraph& graph, const at::Tensor& examples, const TensorByName& tensor_called);

}  // namespace espalier
