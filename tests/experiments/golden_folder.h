#pragma once

#include <filesystem>
#include <optional>

#include <nlohmann/json.hpp>

namespace espalier {

/// Vectors that other programs computed: $ESPALIER_GOLDEN, or the folder beside the source.
std::filesystem::path golden_folder();

/// Nothing where the file is not there.
std::optional<nlohmann::json> golden_json(const std::filesystem::path& file);

}  // namespace espalier
