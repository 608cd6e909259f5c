#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace onnx {
class NodeProto;
}

namespace espalier {

/// What a node makes of constants, as ONNX has it; undefined for inputs left out. Nothing for an operator that is not
/// computed here. Errors: ErrorKind::invalid_input for inputs that do not fit, and for results of more than 2^27
/// elements; c10::Error likewise.
std::vector<at::Tensor> fold(const onnx::NodeProto& node, const std::vector<at::Tensor>& inputs);
bool can_fold(const onnx::NodeProto& node);

}  // namespace espalier
