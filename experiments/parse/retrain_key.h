#pragma once

#include <optional>
#include <string>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// `none`, `{finetune: {epochs: 2}}`, `{rewind: {to: init}}`, `{lr_rewind: {epochs: 2}}`, `reinit`, `scratch_e`,
/// `scratch_b`, `{weights: pruned, schedule: 500it, lr: 0.01}`.
std::optional<RetrainSetting> parse_retrain(const YamlValue& value, Problems& problems);

/// For people and the results' column: "finetune 2ep", "rewind init", "lr_rewind 2ep".
std::string retrain_label(const RetrainSetting& setting);

}  // namespace espalier
