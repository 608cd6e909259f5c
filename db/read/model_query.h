#pragma once

#include <filesystem>
#include <string>

namespace espalier {

/// Whether a trial of the store in `root` is of the model of this name, "torchscript-3fa1c09b77d2". False without a
/// store. Errors: those of open_read_only but for an older schema.
bool has_model(const std::filesystem::path& root, const std::string& name);

}  // namespace espalier
