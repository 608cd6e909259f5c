#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace espalier {

/// What a finished trial's network would be without the channels, heads and blocks that its masks remove as a whole:
/// {"trial", "model", "layers": [{"name", "in": [before, after], "out": [before, after], "weights": [before, after]}],
/// "parameters": [before, after], "madds": [before, after], "left_alone": [{"layer", "reason"}]}. Errors:
/// ErrorKind::invalid_input for a trial that is missing, not done or dense, and for one of a TorchScript module, whose
/// structure is not known; ErrorKind::corrupt for a damaged artifact.
nlohmann::json trial_shape(const std::filesystem::path& store, const std::string& trial);
/// The same as a table: "64 -> 32 in, 64 -> 40 out".
std::string shape_table(const nlohmann::json& shape);

}  // namespace espalier
