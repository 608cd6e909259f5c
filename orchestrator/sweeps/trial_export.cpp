#include "orchestrator/sweeps/trial_export.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "cluster/launch/worker_program.h"
#include "experiments/formats/safetensors.h"
#include "experiments/models/network_file.h"
#include "experiments/pruning/narrowed_bytes.h"
#include "experiments/spec/sweep_spec.h"
#include "experiments/stages/stage_spec.h"
#include "orchestrator/sweeps/finished_network.h"

namespace espalier {
namespace {

/// The bytes of the tensor, zero where the mask is.
std::string masked(const TensorBytes& tensor, const TensorBytes& mask) {
  const auto size = static_cast<std::size_t>(element_size(tensor.type));
  if (mask.shape != tensor.shape) throw Error(ErrorKind::corrupt, "the mask of " + tensor.name + " has another shape");
  std::string bytes(tensor.bytes);
  for (std::size_t i = 0; i < mask.bytes.size(); ++i) {
    if (mask.bytes[i] == 0) std::memset(bytes.data() + i * size, 0, size);
  }
  return bytes;
}

/// `held` keeps the bytes that are not the artifact's.
Safetensors masked_weights(const StoredArtifact& weights, const std::vector<TensorBytes>& masks,
                           std::map<std::string, std::string>& held) {
  Safetensors content;
  for (const TensorBytes& tensor : weights.content.tensors) {
    if (is_mask(tensor)) continue;
    TensorBytes& written = content.tensors.emplace_back(tensor);
    const auto mask = std::ranges::find(masks, tensor.name, &TensorBytes::name);
    if (mask == masks.end()) continue;
    std::string& bytes = held[tensor.name];
    bytes = masked(tensor, *mask);
    written.bytes = bytes;
  }
  return content;
}

/// The module to write into, and the graph that it became; "" for a black box.
std::pair<NetworkImport, std::string> module_of(const TrialNetwork& network, const TrialExport& wanted) {
  const ModelSpec model = parse_spec<EvaluateSpec>(network.evaluate_spec).model;
  if (!model.file || !model.name.starts_with(kTorchScript)) {
    throw Error(ErrorKind::invalid_input, "the trial's model " + network.model +
                                              " is no TorchScript module; --weights and --masks write its tensors");
  }
  const std::filesystem::path& module = wanted.module;
  if (module.empty()) {
    throw Error(ErrorKind::invalid_input,
                "--torchscript needs --module, the TorchScript file that the sweep names as its model");
  }
  const NetworkImport from{module.string(),         kTorchScript, wanted.output, model.input,
                           model.file->keeps_shape, model.classes};
  if (model.file->is_graph) return {from, model.file->content};
  if (to_hex(sha256_file(module)) == model.file->content) return {from, ""};
  throw Error(ErrorKind::invalid_input, module.string() + ": is not the file that this trial's network was made from");
}

/// The network that the masks leave of these weights, as a file.
std::string network_file(const OperatorGraph& graph, const std::vector<TensorBytes>& masks, const Safetensors& weights,
                         const std::map<std::string, std::string>& about) {
  const ShrunkGraph shrunk = shrunk_by(graph, masks);
  Safetensors content{about, {}};
  std::vector<std::string> held;
  held.reserve(shrunk.tensors.size());
  nlohmann::json kept = nlohmann::json::object();
  for (const KeptTensor& tensor : shrunk.tensors) {
    const auto whole = std::ranges::find(weights.tensors, tensor.name, &TensorBytes::name);
    if (whole == weights.tensors.end()) throw Error(ErrorKind::corrupt, "the weights have no tensor " + tensor.name);
    held.push_back(narrowed_bytes(*whole, tensor));
    content.tensors.push_back({tensor.name, whole->type, shape_of(tensor), held.back()});
    if (shape_of(tensor) == whole->shape) continue;
    kept[tensor.name] = tensor.kept;
    if (!tensor.inputs_by_group.empty()) kept[tensor.name][1] = tensor.inputs_by_group;
  }
  content.metadata[kGraphKey] = graph_metadata(shrunk.graph);
  content.metadata["kept"] = kept.dump();
  return to_safetensors(content);
}

/// Has the worker make a file of this one.
void write_by_worker(const std::filesystem::path& to, const std::string& bytes,
                     const std::function<void(const std::filesystem::path&, const std::filesystem::path&)>& make) {
  OutputFile output(to);
  DraftFile from(output.path());  // never put in place: the tool reads it
  from.write(bytes);
  make(from.path(), output.path());
  output.put();
}

}  // namespace

void export_trial(const std::filesystem::path& store, const TrialExport& wanted) {
  check_outputs({wanted.masks, wanted.weights, wanted.torchscript, wanted.shrunk, wanted.onnx},
                {wanted.overwrite, store, {wanted.module}});
  const FinishedNetwork network = read_finished_network(store, wanted.trial);
  std::pair<NetworkImport, std::string> module;
  if (!wanted.torchscript.empty()) module = module_of(network.trial, wanted);
  std::optional<ModelDescription> model;
  if (!wanted.shrunk.empty() || !wanted.onnx.empty())
    model = graph_model_of(store, network.trial, "--weights and --torchscript write it");
  const std::map<std::string, std::string> about{{"trial", network.trial.trial}, {"model", network.trial.model}};
  if (!wanted.masks.empty()) {
    if (network.masks.empty()) {
      throw Error(ErrorKind::invalid_input,
                  "trial " + network.trial.trial.substr(0, 12) + " is dense; it has no masks");
    }
    write_output(wanted.masks, to_safetensors({about, network.masks}));
  }
  std::map<std::string, std::string> held;
  Safetensors content = masked_weights(network.weights_file, network.masks, held);
  content.metadata = about;
  if (!wanted.weights.empty()) write_output(wanted.weights, to_safetensors(content));
  if (!wanted.shrunk.empty()) write_output(wanted.shrunk, network_file(*model->graph, network.masks, content, about));
  if (!wanted.onnx.empty()) {
    const std::vector<TensorBytes> none;
    write_by_worker(wanted.onnx, network_file(*model->graph, wanted.masked ? none : network.masks, content, {}),
                    export_onnx);
  }
  if (wanted.torchscript.empty()) return;
  write_by_worker(wanted.torchscript, to_safetensors(content), [&](const auto& tensors, const auto& to) {
    export_torchscript(module.first, module.second, tensors, to);
  });
}

}  // namespace espalier
