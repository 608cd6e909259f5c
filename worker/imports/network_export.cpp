#include "worker/imports/network_export.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "experiments/models/network_file.h"
#include "worker/operators/graph_outputs.h"
#include "worker/pruning/folded_network.h"
#include "worker/torchscript/exports/export_torchscript.h"
#ifdef ESPALIER_ONNX
#include "worker/onnx/exports/export_onnx.h"
#include "worker/onnx/import_onnx.h"
#endif

namespace espalier {
namespace {

#ifdef ESPALIER_ONNX
/// As our own import reads it.
at::Tensor run_onnx(const std::string& bytes, const at::Tensor& examples) {
  try {
    const at::ScalarType precision = examples.scalar_type() == at::kFloat ? at::kFloat : at::kDouble;
    const OnnxImport found = import_onnx_bytes(bytes, "what was written", "");
    return outputs_of(*found.graph, examples, [&](const std::string& name) {
      for (const auto& [called, tensor] : found.tensors)
        if (called == name) return tensor.is_floating_point() ? tensor.to(precision) : tensor;
      throw Error(ErrorKind::internal, "it has no tensor " + name);
    });
  } catch (const Error& error) {
    throw Error(ErrorKind::internal, std::string("onnx: the file cannot be read again: ") + error.what());
  }
}
#endif

bool lost_something(const KeptTensor& kept, const NamedTensors& whole) {
  const auto found = std::ranges::find(whole, kept.name, [](const auto& named) { return named.first; });
  if (found == whole.end()) return false;  // a bias that the original lacks
  const at::Tensor& tensor = found->second;
  for (std::size_t dim = 0; dim < kept.kept.size(); ++dim) {
    const bool in_groups = dim == 1 && !kept.inputs_by_group.empty();
    const std::vector<std::int64_t>& indices = in_groups ? kept.inputs_by_group[0] : kept.kept[dim];
    if (std::ssize(indices) != tensor.size(static_cast<std::int64_t>(dim))) return true;
  }
  return false;
}

}  // namespace

ExportFormat export_format(const std::string& name) {
  if (name == "torchscript") return {name, export_torchscript, run_script_bytes};
#ifdef ESPALIER_ONNX
  if (name == "onnx") return {name, export_onnx, run_onnx};
#endif
  throw Error(ErrorKind::invalid_input,
              "this espalier-worker writes no files of the format " + name + "; build it with libonnx-dev");
}

void export_network_file(const std::filesystem::path& network, const std::string& format,
                         const std::filesystem::path& to) {
  write_file_atomically(to, proven_export(load_network(network), export_format(format)));
}

std::vector<std::string> export_smaller(const std::filesystem::path& network, const std::filesystem::path& to) {
  const StoredNetwork whole = load_network(network);
  const FoldedNetwork folded = folded_network(*whole.graph, whole.tensors, whole.masks);
  nlohmann::json kept = nlohmann::json::object();
  for (const KeptTensor& tensor : folded.kept) {
    if (!lost_something(tensor, whole.tensors)) continue;
    kept[tensor.name] = tensor.kept;
    if (!tensor.inputs_by_group.empty()) kept[tensor.name][1] = tensor.inputs_by_group;
  }
  std::map<std::string, std::string> metadata = whole.metadata;
  metadata[kGraphKey] = graph_metadata(*folded.graph);
  metadata["kept"] = kept.dump();
  metadata["folded"] = nlohmann::json(folded.folded).dump();
  const TensorFile file = to_file(folded.tensors, std::move(metadata));
  write_file_atomically(to, to_safetensors(file.content));
  std::vector<std::string> staying;
  for (const StayingUnits& units : folded.staying) staying.push_back(to_string(units));
  return staying;
}

}  // namespace espalier
