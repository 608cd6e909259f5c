#pragma once

#include <memory>

#include "worker/network/network_body.h"

namespace espalier {

/// Runs an operator graph. Errors of every pass: c10::Error for examples that are not those of the graph.
std::unique_ptr<NetworkBody> make_graph_body(std::shared_ptr<const OperatorGraph> graph, FlatParameters& parameters);

}  // namespace espalier
