#pragma once

#include <filesystem>
#include <string>

#include "experiments/paths/output_file.h"

namespace espalier {

/// The files to write of a trial's network; "" leaves one out.
struct TrialExport {
  std::string trial;                  ///< the first digits of its key
  std::filesystem::path weights;      ///< safetensors: parameters and buffers by name, pruned ones zero
  std::filesystem::path masks;        ///< safetensors: uint8 by the names of the weights, 1 = kept
  std::filesystem::path shrunk;       ///< safetensors: what is left of the tensors without the units that were removed
  std::filesystem::path onnx;         ///< ONNX: the network without them
  std::filesystem::path torchscript;  ///< TorchScript: the network without them
  std::filesystem::path module;       ///< or `torchscript` is this module, which the model was, with its weights
  std::string output;                 ///< what the sweep's `output` says of it
  bool masked = false;                ///< `onnx` and `torchscript` are the whole network, with zeros
  std::filesystem::path like;         ///< tensors are called as in this safetensors file (names_like.h)
  Overwrite overwrite = Overwrite::refuse;
};

/// Writes a finished trial's network: all of the files, or none if one cannot be made. Errors: those of check_outputs;
/// ErrorKind::invalid_input for a trial that is missing, not done or has none of the requested parts, and for another
/// module than the trial's; ErrorKind::corrupt for a damaged artifact; those of export_module, export_graph and
/// names_like. The metadata of `shrunk` have the smaller network's graph (experiments/models/network_file.h), and
/// "kept" as JSON: by the name of each tensor that lost something, the indices of the original that stayed, for each
/// dimension; of a convolution in groups those of its inputs are within each group, one list a group.
void export_trial(const std::filesystem::path& store, const TrialExport& wanted);

}  // namespace espalier
