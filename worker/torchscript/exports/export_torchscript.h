#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// The bytes of a TorchScript file that computes what the graph does in evaluation with these tensors, by their names:
/// one input, any number of examples. Its code is written from the graph. Parameters and buffers are attributes, dots
/// in their names being modules within modules, so that its state_dict() has the same names; a part of a name that
/// cannot be an attribute, or is there as something else, has an underscore behind it, and quotes and backslashes are
/// underscores. Parameters have requires_grad.
/// Errors: those of expression_of; ErrorKind::internal for code that LibTorch refuses, and for a tensor that is
/// missing.
std::string export_torchscript(const OperatorGraph& graph,
                               const std::vector<std::pair<std::string, at::Tensor>>& tensors);

/// What the TorchScript file of these bytes gives for examples: of float32 in that precision, of float64, or numbers of
/// tokens, in double precision. Errors: ErrorKind::internal with LibTorch's complaint.
at::Tensor run_script_bytes(const std::string& bytes, const at::Tensor& examples);

}  // namespace espalier
