#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "experiments/stages/stage_spec.h"
#include "worker/network/stored_network.h"

namespace espalier {

struct NetworkImportRequest {
  std::filesystem::path from;
  std::string format;  ///< "onnx" or "torchscript"
  std::string output;  ///< which of several, by name or place; "" the first
  std::array<std::int64_t, 3> input{};
  bool keeps_shape = false;
  std::int64_t classes = 0;
  std::filesystem::path to;
};

/// Makes a graph with tensors of another program's network, and writes it (experiments/models/network_file.h). Then it
/// is evaluated and trained a little, as a sweep will, and what could be removed of it is removed and compared
/// (worker/imports/removal_proof.h). Errors: those of the format's import; ErrorKind::invalid_input for a network that
/// does not take such examples, does not give a number for each class, or cannot be trained.
ModelFile import_network(const NetworkImportRequest& request);

/// What a layer or a batch norm reads is called after it, as scopes and masks have it: "conv1.weight", "conv1.bias".
/// Tensors of other names that nothing else reads are renamed.
void name_after_layers(StoredNetwork& network);

}  // namespace espalier
