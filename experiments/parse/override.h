#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"

namespace espalier {

/// Replaces one value of `tree` as `assignment` says: "train.epochs=2", "prune.sparsity=[0.5, 0.9]". The value is YAML;
/// maps on the way are made if they are missing. Problems name "--set train.epochs" instead of a file.
void apply_override(YamlValue& tree, const std::string& assignment, Problems& problems);

/// The assignments that lines at the end of `yaml` note, as in "# --set train.epochs=2": how stores of earlier versions
/// keep them.
std::vector<std::string> noted_overrides(std::string_view yaml);

}  // namespace espalier
