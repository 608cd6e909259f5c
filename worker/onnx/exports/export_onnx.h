#pragma once

#include <string>

#include "experiments/operators/operator_graph.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// The bytes of an ONNX file (opset 17) that computes what the graph does in evaluation with these tensors, by their
/// names; one input "input", one output "output", any number of examples. Errors: ErrorKind::invalid_input naming the
/// operator and the node, for an operator that ONNX has no counterpart of; those of OnnxWriter.
std::string export_onnx(const OperatorGraph& graph, const NamedTensors& tensors);

}  // namespace espalier
