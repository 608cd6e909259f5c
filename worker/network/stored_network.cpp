#include "worker/network/stored_network.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "experiments/formats/safetensors.h"
#include "experiments/models/network_file.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kLargestFile = std::uintmax_t{16} << 30;

/// In the graph's order. Errors: ErrorKind::corrupt for one that is missing or has another shape.
NamedTensors tensors_of(const OperatorGraph& graph, const NamedTensors& given, const std::string& where) {
  NamedTensors tensors;
  for (const Value& value : graph.values()) {
    if (value.source != Value::Source::parameter && value.source != Value::Source::buffer) continue;
    if (!has_tensor(given, value.name)) throw Error(ErrorKind::corrupt, where + ": has no tensor " + value.name);
    for (const auto& [name, tensor] : given) {
      if (name != value.name) continue;
      if (tensor.sizes() != c10::IntArrayRef(sizes_of(value.dims)))
        throw Error(ErrorKind::corrupt, where + ": " + name + " has another shape than the graph says");
      tensors.emplace_back(name, tensor);
    }
  }
  return tensors;
}

/// A parameter may itself be called so: the graph's names come first.
NamedTensors masks_beside(const OperatorGraph& graph, const NamedTensors& given) {
  NamedTensors masks;
  for (const Value& value : graph.values()) {
    const std::string name = value.name + ".mask";
    if (value.source != Value::Source::parameter || !has_tensor(given, name)) continue;
    if (std::ranges::find(graph.values(), name, &Value::name) != graph.values().end()) continue;
    const auto found = std::ranges::find(given, name, [](const auto& named) { return named.first; });
    masks.emplace_back(value.name, found->second);
  }
  return masks;
}

}  // namespace

std::string to_bytes(const StoredNetwork& network) {
  const TensorFile file = to_file(tensors_of(*network.graph, network.tensors, "the network"),
                                  {{kGraphKey, graph_metadata(*network.graph)}});
  return to_safetensors(file.content);
}

StoredNetwork load_network(const std::filesystem::path& file, const std::string& content) {
  const std::string bytes = read_file(file, kLargestFile);
  if (!content.empty() && to_hex(sha256(bytes)) != content)
    throw Error(ErrorKind::invalid_input, file.string() + ": is not the file that the model was described from");
  const Safetensors parsed = parse_safetensors(bytes, file.string());
  StoredNetwork network;
  network.graph = std::make_shared<const OperatorGraph>(graph_of_metadata(parsed.metadata, file.string()));
  const NamedTensors given = from_file(parsed, at::kCPU);
  network.tensors = tensors_of(*network.graph, given, file.string());
  network.masks = masks_beside(*network.graph, given);
  network.metadata = parsed.metadata;
  return network;
}

}  // namespace espalier
