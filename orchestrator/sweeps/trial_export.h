#pragma once

#include <filesystem>
#include <string>
#include <vector>

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

/// Writes a finished trial's network: all of the files, or none if one cannot be made. Returns what stays in the
/// smaller one although it has no weights left, and why, a sentence each. Errors: those of check_outputs;
/// ErrorKind::invalid_input for a trial that is missing, not done or has none of the requested parts, and for another
/// module than the trial's; ErrorKind::corrupt for a damaged artifact; those of make_smaller, export_module,
/// export_graph and names_like. The metadata of `shrunk` are those of worker/imports/network_export.h; of a trial
/// without masks the graph alone.
std::vector<std::string> export_trial(const std::filesystem::path& store, const TrialExport& wanted);

}  // namespace espalier
