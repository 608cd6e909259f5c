#include "tests/experiments/golden_folder.h"

#include <cstddef>

#include "base/files.h"
#include "tests/needs.h"

namespace espalier {

std::filesystem::path golden_folder() {
  return folder_named_by("ESPALIER_GOLDEN", ESPALIER_GOLDEN_DEFAULT);
}

std::optional<nlohmann::json> golden_json(const std::filesystem::path& file) {
  if (!std::filesystem::exists(golden_folder() / file)) return std::nullopt;
  return nlohmann::json::parse(read_file(golden_folder() / file, std::size_t{1} << 26));
}

}  // namespace espalier
