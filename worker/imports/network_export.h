#pragma once

#include <filesystem>
#include <string>

#include "worker/imports/export_proof.h"

namespace espalier {

/// "onnx" or "torchscript". Errors: ErrorKind::invalid_input for another, and for ONNX where this worker was built
/// without it.
ExportFormat export_format(const std::string& name);

/// Writes the network of a file (experiments/models/network_file.h) in another format. Errors: those of load_network,
/// export_format and proven_export.
void export_network_file(const std::filesystem::path& network, const std::string& format,
                         const std::filesystem::path& to);

}  // namespace espalier
