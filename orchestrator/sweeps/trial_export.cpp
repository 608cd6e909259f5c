#include "orchestrator/sweeps/trial_export.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "cluster/launch/worker_program.h"
#include "db/read/trial_query.h"
#include "experiments/formats/safetensors.h"
#include "experiments/paths/store_paths.h"
#include "experiments/stages/stage_spec.h"
#include "orchestrator/sweeps/stored_artifact.h"

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

void check_module(const TrialNetwork& network, const std::filesystem::path& module) {
  const ModelSpec model = parse_spec<EvaluateSpec>(network.evaluate_spec).model;
  if (!model.file) {
    throw Error(ErrorKind::invalid_input, "the trial's model " + network.model +
                                              " is no TorchScript module; --weights and --masks write its tensors");
  }
  if (module.empty()) {
    throw Error(ErrorKind::invalid_input,
                "--torchscript needs --module, the TorchScript file that the sweep names as its model");
  }
  if (to_hex(sha256_file(module)) == model.file->content) return;
  throw Error(ErrorKind::invalid_input, module.string() + ": is not the file that this trial's network was made from");
}

}  // namespace

void export_trial(const std::filesystem::path& store, const TrialExport& wanted) {
  check_outputs({wanted.masks, wanted.weights, wanted.torchscript}, {wanted.overwrite, store, {wanted.module}});
  const TrialNetwork network = find_trial_network(store, wanted.trial);
  if (network.evaluate_state != "done" || network.weights_stage.empty())
    throw Error(ErrorKind::invalid_input, "trial " + network.trial.substr(0, 12) + " is not done; run its sweep first");
  if (!wanted.torchscript.empty()) check_module(network, wanted.module);
  const StoredArtifact weights = read_artifact(store, network.weights_stage, network.weights_sha256);
  StoredArtifact mask_file;
  std::vector<TensorBytes> masks;
  if (!network.masks_stage.empty()) {
    mask_file = read_artifact(store, network.masks_stage, network.masks_sha256);
    masks = masks_of(mask_file);
  }
  const std::map<std::string, std::string> about{{"trial", network.trial}, {"model", network.model}};
  if (!wanted.masks.empty()) {
    if (masks.empty())
      throw Error(ErrorKind::invalid_input, "trial " + network.trial.substr(0, 12) + " is dense; it has no masks");
    write_output(wanted.masks, to_safetensors({about, masks}));
  }
  std::map<std::string, std::string> held;
  Safetensors content = masked_weights(weights, masks, held);
  content.metadata = about;
  if (!wanted.weights.empty()) write_output(wanted.weights, to_safetensors(content));
  if (wanted.torchscript.empty()) return;
  OutputFile output(wanted.torchscript);
  DraftFile tensors(output.path());  // never put in place: the tool reads it
  tensors.write(to_safetensors(content));
  export_torchscript(wanted.module, tensors.path(), output.path());
  output.put();
}

}  // namespace espalier
