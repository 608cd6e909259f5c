#include "experiments/models/network_file.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/formats/safetensors.h"
#include "experiments/operators/graph_json.h"

namespace espalier {

std::string graph_metadata(const OperatorGraph& graph) {
  return to_json(graph).dump();
}

OperatorGraph graph_of_metadata(const std::map<std::string, std::string>& metadata, const std::string& where) {
  const auto found = metadata.find(kGraphKey);
  if (found == metadata.end()) throw Error(ErrorKind::corrupt, where + ": holds no network");
  const nlohmann::json json = nlohmann::json::parse(found->second, nullptr, false);
  if (json.is_discarded()) throw Error(ErrorKind::corrupt, where + ": its graph is no JSON");
  return graph_from_json(json);
}

OperatorGraph read_network_graph(const std::filesystem::path& file) {
  return graph_of_metadata(read_safetensors_metadata(file), file.string());
}

}  // namespace espalier
