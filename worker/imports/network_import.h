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
/// (worker/imports/removal_proof.h). What a TorchScript module gives for random examples is compared with what its
/// graph gives, in evaluation mode and in training mode without dropout: they differ by at most 1e-5 of the largest
/// output. A module that cannot be such a graph is described as it is, and the result says what stood in the way;
/// nothing is written then. Errors: those of the format's import; ErrorKind::invalid_input for a network that does not
/// take such examples, does not give a number for each class, or cannot be trained; for a module those of
/// describe_script alone, but ErrorKind::invalid_input if it cannot be a graph and `output` is given.
ModelFile import_network(const NetworkImportRequest& request);

/// What a layer or a batch norm reads is called after it, as scopes and masks have it: "conv1.weight", "conv1.bias".
/// Tensors of other names that nothing else reads are renamed.
void name_after_layers(StoredNetwork& network);

/// Writes the TorchScript module of `from` to `to` with the tensors of a safetensors file, which are of the graph that
/// it becomes and are called by its names. What the graph does not read stays as in the module. `content`: the graph's,
/// see ModelFile. Errors: those of lower_script; ErrorKind::invalid_input for a module that becomes another graph, and
/// for tensors that are not the graph's.
void export_network(const NetworkImportRequest& request, const std::string& content,
                    const std::filesystem::path& tensors);

}  // namespace espalier
