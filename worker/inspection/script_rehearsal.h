#pragma once

#include <string>
#include <vector>

#include "experiments/models/model_description.h"

namespace espalier {

/// What was seen of a TorchScript module that trains.
struct ScriptRehearsal {
  std::vector<std::string> untrained;  ///< layers whose weights get no gradient
  bool batch_norm = false;             ///< one of its batch norms uses the statistics of the batch
  std::string lone_training;           ///< why it cannot be trained on a batch of one example; "": it can
  std::string lone_evaluation;         ///< why it cannot be evaluated on one; "": it can
};

/// Does with a module what a sweep will do, on the CPU, with the network that a worker builds: evaluates three
/// examples, trains on three and on two of them, with the backward pass of the cross-entropy, and evaluates again; then
/// tries batches of one. The examples are numbers in [0, 1), as pixels are. Nothing of it is kept. `model` has a script
/// and its file_path. Errors: those of make_script_body; ErrorKind::invalid_input with the module's complaint if it
/// fails in one of the modes, gives anything but [N, classes] numbers there, or if no gradient reaches any parameter.
ScriptRehearsal rehearse_script(const ModelDescription& model);

}  // namespace espalier
