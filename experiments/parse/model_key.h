#pragma once

#include <optional>
#include <string>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// `lenet-300-100` or `{torchscript: net.pt}`.
std::optional<ModelRequest> parse_model(const YamlValue& value, Problems& problems);

/// The results' column of a model: its name; "" for a file, whose column shows the content's digits.
std::string model_label(const ModelRequest& request);

}  // namespace espalier
