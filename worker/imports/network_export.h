#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "worker/imports/export_proof.h"

namespace espalier {

/// "onnx" or "torchscript". Errors: ErrorKind::invalid_input for another, and for ONNX where this worker was built
/// without it.
ExportFormat export_format(const std::string& name);

/// Writes the network of a file (experiments/models/network_file.h) in another format. Errors: those of load_network,
/// export_format and proven_export.
void export_network_file(const std::filesystem::path& network, const std::string& format,
                         const std::filesystem::path& to);

/// Writes the smaller network (worker/pruning/folded_network.h) of such a file that has masks too, "NAME.mask". Its
/// metadata are those of the file, its own graph, and two lists as JSON: "kept", by the name of each tensor that lost
/// something the indices of the original that stayed, for each dimension, of a convolution in groups those of its
/// inputs within each group, one list a group; and "folded", the biases that what left is folded into. Returns what
/// stays, and why, a sentence each. Errors: those of load_network and folded_network.
std::vector<std::string> export_smaller(const std::filesystem::path& network, const std::filesystem::path& to);

}  // namespace espalier
