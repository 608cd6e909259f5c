#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "experiments/operators/operator_graph.h"

namespace espalier {

// A network of a user's own as a store keeps it: a safetensors file of the graph's parameters and buffers, by their
// names, whose metadata have the graph as JSON (experiments/operators/graph_json.h). Equal networks give equal bytes,
// so that the file's hash identifies the network, whatever it was imported from.

/// The key in the metadata.
inline constexpr const char* kGraphKey = "graph";

std::string graph_metadata(const OperatorGraph& graph);
/// Errors: ErrorKind::corrupt, beginning with `where`, for metadata without a graph; those of graph_from_json.
OperatorGraph graph_of_metadata(const std::map<std::string, std::string>& metadata, const std::string& where);
/// Of a file; its tensors are not read. Errors: likewise; ErrorKind::corrupt if it cannot be read.
OperatorGraph read_network_graph(const std::filesystem::path& file);

}  // namespace espalier
