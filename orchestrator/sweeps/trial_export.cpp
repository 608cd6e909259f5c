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
#include "experiments/pruning/narrowed_bytes.h"
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

/// The network that the masks leave of these weights, as a file.
std::string network_file(const OperatorGraph& graph, const std::vector<TensorBytes>& masks, const Safetensors& weights,
                         const OtherNames& names, const std::map<std::string, std::string>& about) {
  const ShrunkGraph shrunk = shrunk_by(graph, masks);
  Safetensors content{about, {}};
  std::vector<std::string> held;
  held.reserve(shrunk.tensors.size());
  nlohmann::json kept = nlohmann::json::object();
  for (const KeptTensor& tensor : shrunk.tensors) {
    const auto whole = std::ranges::find(weights.tensors, tensor.name, &TensorBytes::name);
    if (whole == weights.tensors.end()) throw Error(ErrorKind::corrupt, "the weights have no tensor " + tensor.name);
    const std::string& name = called(names, tensor.name);
    held.push_back(narrowed_bytes(*whole, tensor));
    content.tensors.push_back({name, whole->type, shape_of(tensor), held.back()});
    if (shape_of(tensor) == whole->shape) continue;
    kept[name] = tensor.kept;
    if (!tensor.inputs_by_group.empty()) kept[name][1] = tensor.inputs_by_group;
  }
  content.metadata[kGraphKey] = graph_metadata(names.empty() ? shrunk.graph : renamed(shrunk.graph, names));
  content.metadata["kept"] = kept.dump();
  return to_safetensors(content);
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

void export_trial(const std::filesystem::path& store, const TrialExport& wanted) {
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
  if (!wanted.shrunk.empty())
    files.add(wanted.shrunk, network_file(*model->graph, network.masks, weights, names, about));
  for (const auto& [to, format] : {std::pair(wanted.onnx, "onnx"), {script, kTorchScript}}) {
    if (to.empty()) continue;
    const std::vector<TensorBytes> none;
    const std::string bytes = network_file(*model->graph, wanted.masked ? none : network.masks, weights, names, {});
    files.add_by_worker(to, bytes, [&, as = std::string(format)](const auto& from, const auto& output) {
      export_graph(from, as, output);
    });
  }
  if (module) {
    files.add_by_worker(wanted.torchscript, whole(), [&](const auto& tensors, const auto& to) {
      export_module(module->first, module->second, tensors, to);
    });
  }
  files.put();
}

}  // namespace espalier
