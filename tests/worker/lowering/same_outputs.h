#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "worker/lowering/lower_script.h"

namespace espalier {

/// How far a lowered module's outputs are from those of the module itself on random examples: the largest difference,
/// divided by the largest output. Training: batch norms use the batch's statistics and dropout is off.
struct OutputDifference {
  double evaluation = 0, training = 0;
  std::string training_trouble;  ///< why there is no difference in training; "": there is
};
OutputDifference output_difference(const std::filesystem::path& path, const LoweredModule& lowered,
                                   const std::vector<std::int64_t>& input, std::int64_t classes,
                                   const std::string& output = "", std::int64_t examples = 4);

}  // namespace espalier
