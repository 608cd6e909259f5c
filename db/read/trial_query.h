#pragma once

#include <filesystem>
#include <string>

namespace espalier {

/// Where a trial's network lies.
struct TrialNetwork {
  std::string trial;           ///< its key, 64 digits
  std::string model;           ///< "lenet-300-100", "torchscript-3fa1c09b77d2"
  std::string evaluate_state;  ///< "done" once there is a result
  std::string evaluate_spec;   ///< JSON
  std::string weights_stage,
      weights_sha256;  ///< key of the stage that left the weights that were evaluated, and their hash
  std::string masks_stage, masks_sha256;  ///< "" for a dense network
};

/// The trial whose key begins with `key`. Errors: ErrorKind::invalid_input if there is none, or several; those of
/// StoreReader.
TrialNetwork find_trial_network(const std::filesystem::path& root, const std::string& key);

}  // namespace espalier
