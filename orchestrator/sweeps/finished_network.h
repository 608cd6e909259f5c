#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "db/read/trial_query.h"
#include "experiments/models/model_description.h"
#include "experiments/pruning/shrink.h"
#include "orchestrator/sweeps/stored_artifact.h"

namespace espalier {

/// A finished trial's network as the store has it. The views are into the artifacts.
struct FinishedNetwork {
  TrialNetwork trial;
  StoredArtifact weights_file, masks_file;
  std::vector<TensorBytes> masks;  ///< by the names of what they cover; none of a dense network
};
/// Errors: those of find_trial_network and read_artifact; ErrorKind::invalid_input for a trial that is not done.
FinishedNetwork read_finished_network(const std::filesystem::path& store, const std::string& trial);

/// Its model, with the graph. Errors: ErrorKind::invalid_input for a TorchScript module, whose structure is not known;
/// `instead` ends the message.
ModelDescription graph_model_of(const std::filesystem::path& store, const TrialNetwork& trial,
                                const std::string& instead);

/// The smaller graph that the masks leave, and what is kept of every tensor; all of it without masks.
ShrunkGraph shrunk_by(const OperatorGraph& graph, const std::vector<TensorBytes>& masks);

}  // namespace espalier
