#pragma once

#include <optional>

#include "experiments/datasets/dataset.h"
#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"

namespace espalier {

/// `mnist`, `{name: glyphs, train: 12000, seed: 1}`, `{idx: DIR, validation: 1000}` or `{tensors: FILE}`.
std::optional<DatasetRequest> parse_dataset(const YamlValue& value, Problems& problems);

/// For people and the results' column: "mnist", "idx:DIR".
std::string dataset_label(const DatasetRequest& request);

}  // namespace espalier
