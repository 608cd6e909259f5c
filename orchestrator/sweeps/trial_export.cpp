#include "orchestrator/sweeps/trial_export.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <list>
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
#include "experiments/operators/rebuilt_graph.h"
#include "experiments/paths/store_paths.h"
#include "experiments/spec/sweep_spec.h"
#include "experiments/stages/stage_spec.h"
#include "orchestrator/sweeps/finished_network.h"
#include "orchestrator/sweeps/names_like.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kLargestFile = std::uintmax_t{16} << 30;

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
  const std::filesystem::path& module = wanted.module;
  if (!model.file || !model.name.starts_with(kTorchScript)) {
    throw Error(ErrorKind::invalid_input, "the trial's model " + network.model +
                                              " is no TorchScript module; --torchscript without --module writes one");
  }
  const NetworkImport from{module.string(),         kTorchScript, wanted.output, model.input,
                           model.file->keeps_shape, model.classes};
  if (model.file->is_graph) return {from, model.file->content};
  if (to_hex(sha256_file(module)) == model.file->content) return {from, ""};
  throw Error(ErrorKind::invalid_input, module.string() + ": is not the file that this trial's network was made from");
}

/// What tensors are called in the files, by their names here where they differ.
using OtherNames = std::map<std::string, std::string>;

const std::string& called(const OtherNames& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? name : found->second;
}

std::vector<TensorBytes> called(const OtherNames& names, std::vector<TensorBytes> tensors) {
  for (TensorBytes& tensor : tensors) tensor.name = called(names, tensor.name);
  return tensors;
}

/// A network as a file.
std::string network_file(const OperatorGraph& graph, Safetensors content, const OtherNames& names) {
  content.tensors = called(names, std::move(content.tensors));
  content.metadata[kGraphKey] = graph_metadata(names.empty() ? graph : renamed(graph, names));
  return to_safetensors(content);
}

/// What the masks leave of a network; the tensors are views into the bytes.
struct SmallerNetwork {
  std::string bytes;
  Safetensors content;
  std::vector<std::string> staying;  ///< of what has no weights left, and why
};

/// The worker makes it; its files lie beside `place`.
SmallerNetwork smaller_network(const OperatorGraph& graph, const std::vector<TensorBytes>& masks, Safetensors weights,
                               const std::filesystem::path& place) {
  for (const TensorBytes& mask : masks) weights.tensors.push_back(beside_weights(mask));
  DraftFile whole(place), smaller(place);  // never put in place
  whole.write(network_file(graph, std::move(weights), {}));
  SmallerNetwork network;
  network.staying = make_smaller(whole.path(), smaller.path());
  network.bytes = read_file(smaller.path(), kLargestFile);
  network.content = parse_safetensors(network.bytes, smaller.path().string());
  return network;
}

std::string smaller_file(const SmallerNetwork& network, const OtherNames& names) {
  Safetensors content = network.content;
  const auto given = nlohmann::json::parse(content.metadata.at("kept"));
  nlohmann::json kept = nlohmann::json::object(), folded = nlohmann::json::array();
  for (const auto& [name, indices] : given.items()) kept[called(names, name)] = indices;
  for (const nlohmann::json& name : nlohmann::json::parse(content.metadata.at("folded")))
    folded.push_back(called(names, name.get<std::string>()));
  content.metadata["kept"] = kept.dump();
  content.metadata["folded"] = folded.dump();
  const OperatorGraph graph = graph_of_metadata(content.metadata, "the smaller network");
  return network_file(graph, std::move(content), names);
}

/// Files that are put in place when all of them are made.
class Exports {
 public:
  void add(const std::filesystem::path& to, std::string_view bytes) { files_.emplace_back(to).write(bytes); }
  /// Has the worker make the file of one with these bytes.
  void add_by_worker(const std::filesystem::path& to, std::string_view bytes,
                     const std::function<void(const std::filesystem::path&, const std::filesystem::path&)>& make) {
    const OutputFile& output = files_.emplace_back(to);
    DraftFile from(output.path());  // never put in place: the tool reads it
    from.write(bytes);
    make(from.path(), output.path());
  }
  void put() {
    for (OutputFile& file : files_) file.put();
  }

 private:
  std::list<OutputFile> files_;
};

/// As they were imported; of a network of the catalog, as they are.
std::vector<TensorBytes> tensors_to_know(const std::filesystem::path& store, const FinishedNetwork& network,
                                         std::string& held) {
  const ModelSpec model = parse_spec<EvaluateSpec>(network.trial.evaluate_spec).model;
  if (model.file) {
    const std::filesystem::path file = StorePaths{store}.networks() / (model.file->content + ".safetensors");
    held = read_file(file, kLargestFile);
    return parse_safetensors(held, file.string()).tensors;
  }
  std::vector<TensorBytes> tensors = network.weights_file.content.tensors;
  std::erase_if(tensors, is_mask);
  return tensors;
}

OtherNames names_in(const std::filesystem::path& like, const OperatorGraph& graph, const FinishedNetwork& network,
                    const std::filesystem::path& store) {
  std::string imported;
  const std::string original = read_file(like, kLargestFile);
  return names_like(graph, tensors_to_know(store, network, imported),
                    parse_safetensors(original, like.string()).tensors, like.string());
}

}  // namespace

std::vector<std::string> export_trial(const std::filesystem::path& store, const TrialExport& wanted) {
  check_outputs({wanted.masks, wanted.weights, wanted.torchscript, wanted.shrunk, wanted.onnx},
                {wanted.overwrite, store, {wanted.module, wanted.like}});
  const FinishedNetwork network = read_finished_network(store, wanted.trial);
  if (!wanted.masks.empty() && network.masks.empty())
    throw Error(ErrorKind::invalid_input, "trial " + network.trial.trial.substr(0, 12) + " is dense; it has no masks");
  std::optional<std::pair<NetworkImport, std::string>> module;
  if (!wanted.torchscript.empty() && !wanted.module.empty()) module = module_of(network.trial, wanted);
  const std::filesystem::path script = module ? std::filesystem::path() : wanted.torchscript;
  std::optional<ModelDescription> model;
  if (!script.empty() || !wanted.shrunk.empty() || !wanted.onnx.empty() || !wanted.like.empty())
    model = graph_model_of(store, network.trial,
                           "--weights writes its tensors, and --torchscript with --module, the file that the sweep "
                           "names as its model, itself");
  const OtherNames names = wanted.like.empty() ? OtherNames() : names_in(wanted.like, *model->graph, network, store);
  const std::map<std::string, std::string> about{{"trial", network.trial.trial}, {"model", network.trial.model}};
  std::map<std::string, std::string> held;
  const Safetensors weights = masked_weights(network.weights_file, network.masks, held);
  Exports files;
  if (!wanted.masks.empty()) files.add(wanted.masks, to_safetensors({about, called(names, network.masks)}));
  const auto whole = [&] { return to_safetensors({about, called(names, weights.tensors)}); };
  if (!wanted.weights.empty()) files.add(wanted.weights, whole());
  std::optional<SmallerNetwork> smaller;
  const std::filesystem::path& small = !wanted.shrunk.empty() ? wanted.shrunk
                                       : !wanted.onnx.empty() ? wanted.onnx
                                                              : script;
  if (!network.masks.empty() && !small.empty() && (!wanted.masked || !wanted.shrunk.empty())) {
    const OutputFile place(small);
    smaller = smaller_network(*model->graph, network.masks, {about, weights.tensors}, place.path());
  }
  const auto network_bytes = [&](bool masked) {
    return masked || !smaller ? network_file(*model->graph, {about, weights.tensors}, names)
                              : smaller_file(*smaller, names);
  };
  if (!wanted.shrunk.empty()) files.add(wanted.shrunk, network_bytes(false));
  for (const auto& [to, format] : {std::pair(wanted.onnx, "onnx"), {script, kTorchScript}}) {
    if (to.empty()) continue;
    files.add_by_worker(
        to, network_bytes(wanted.masked),
        [&, as = std::string(format)](const auto& from, const auto& output) { export_graph(from, as, output); });
  }
  if (module) {
    files.add_by_worker(wanted.torchscript, whole(), [&](const auto& tensors, const auto& to) {
      export_module(module->first, module->second, tensors, to);
    });
  }
  files.put();
  return smaller ? smaller->staying : std::vector<std::string>();
}

}  // namespace espalier
