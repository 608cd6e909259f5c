#pragma once

#include <string>

namespace espalier {

/// What a node is called in the graph: torch's "/layer1/layer1.0/conv1/Conv" is "layer1.0.conv1"; of a node without a
/// name the operator's, "conv".
std::string name_of_node(const std::string& name, const std::string& op);

/// Whether an exporter made the name up: "onnx::Conv_193", "417", "/Constant_output_0".
bool is_made_up(const std::string& tensor);

}  // namespace espalier
