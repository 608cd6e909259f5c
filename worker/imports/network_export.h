#pragma once

#include <filesystem>

namespace espalier {

/// Writes the network of a file (experiments/models/network_file.h) as ONNX. Errors: those of load_network and
/// export_onnx; ErrorKind::invalid_input where this worker was built without ONNX.
void export_as_onnx(const std::filesystem::path& network, const std::filesystem::path& to);

}  // namespace espalier
