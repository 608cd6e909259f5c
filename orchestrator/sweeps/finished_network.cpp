#include "orchestrator/sweeps/finished_network.h"

#include <memory>

#include "base/error.h"
#include "experiments/models/network_file.h"
#include "experiments/paths/store_paths.h"
#include "experiments/pruning/removed_units.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {

FinishedNetwork read_finished_network(const std::filesystem::path& store, const std::string& trial) {
  FinishedNetwork network;
  network.trial = find_trial_network(store, trial);
  const TrialNetwork& found = network.trial;
  if (found.evaluate_state != "done" || found.weights_stage.empty())
    throw Error(ErrorKind::invalid_input, "trial " + found.trial.substr(0, 12) + " is not done; run its sweep first");
  network.weights_file = read_artifact(store, found.weights_stage, found.weights_sha256);
  if (found.masks_stage.empty()) return network;
  network.masks_file = read_artifact(store, found.masks_stage, found.masks_sha256);
  network.masks = masks_of(network.masks_file);
  return network;
}

ModelDescription graph_model_of(const std::filesystem::path& store, const TrialNetwork& trial,
                                const std::string& instead) {
  ModelSpec spec = parse_spec<EvaluateSpec>(trial.evaluate_spec).model;
  if (spec.file && spec.file->is_graph) {
    const std::filesystem::path file = StorePaths{store}.networks() / (spec.file->content + ".safetensors");
    spec.file->graph = std::make_shared<const OperatorGraph>(read_network_graph(file));
  }
  ModelDescription model = describe_model(spec);
  if (model.graph) return model;
  throw Error(ErrorKind::invalid_input,
              "the trial's model " + spec.name + " is a TorchScript module, whose structure is not known; " + instead);
}

ShrunkGraph shrunk_by(const OperatorGraph& graph, const std::vector<TensorBytes>& masks) {
  return without_units(graph, removed_units(graph, masks));
}

}  // namespace espalier
