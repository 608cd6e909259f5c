#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/files.h"

namespace espalier {

/// Vectors that other programs computed: $ESPALIER_GOLDEN, or the folder beside the source.
inline std::filesystem::path golden_folder() {
  const char* given = std::getenv("ESPALIER_GOLDEN");
  return given != nullptr ? given : ESPALIER_GOLDEN_DEFAULT;
}

/// Nothing where the file is not there.
inline std::optional<nlohmann::json> golden_json(const std::filesystem::path& file) {
  if (!std::filesystem::exists(golden_folder() / file)) return std::nullopt;
  return nlohmann::json::parse(read_file(golden_folder() / file, std::size_t{1} << 26));
}

}  // namespace espalier
