#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "experiments/operators/operator_graph.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// A network of a file (experiments/models/network_file.h), its tensors on the CPU.
struct StoredNetwork {
  std::shared_ptr<const OperatorGraph> graph;
  NamedTensors tensors;     ///< of every parameter and buffer, in the graph's order
  NamedTensors masks = {};  ///< of parameters, by their names, if the file has them beside ("NAME.mask")
  std::map<std::string, std::string> metadata = {};  ///< the file's
};

/// The bytes of a file of the graph and the tensors. Errors: ErrorKind::internal for tensors that are not the graph's.
std::string to_bytes(const StoredNetwork& network);

/// Reads at most 16 GB. `content`: the SHA-256 that the file must have; "" for any. Errors: ErrorKind::invalid_input
/// for another file or none; ErrorKind::corrupt for what is no network.
StoredNetwork load_network(const std::filesystem::path& file, const std::string& content = "");

}  // namespace espalier
