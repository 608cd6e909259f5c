#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

// Readers of the values of `prune`; each returns the value, or nothing after reporting what is wrong.

/// `snip`, `{grasp: {temperature: 100}}`: options are those of catalog/criteria.def.
std::optional<CriterionSetting> parse_criterion(const YamlValue& value, Problems& problems);

/// As experiments/catalog/granularity.h writes it, or as a map: `{block: [4, 4], reduction: mean}`, `{n: 2, m: 4}`,
/// `{filter: l1}`. Its canonical text.
std::optional<GranularitySetting> parse_granularity_value(const YamlValue& value, Problems& problems);

/// `erk`, `{fc*: 0.9, fc3: 0.5}`.
std::optional<AllocationSetting> parse_allocation(const YamlValue& value, Problems& problems);

/// `0.05`, `1`, `{conv*: 0.2, fc3: 10}`.
std::optional<BoundSetting> parse_bound(const YamlValue& value, Problems& problems);

/// `{"layer1.*": 0.3, fc1: 0}`.
std::optional<RatioSetting> parse_ratios(const YamlValue& value, Problems& problems);

/// `{sparsities: [0.5, 0.9], batches: 4}`; every key may be left out.
std::optional<SensitivitySetting> parse_sensitivity(const YamlValue& value, Problems& problems);
/// none, refit, bn_stats, or {refit: true, bn_stats: true, batches: 8, batch_size: 60, damping: 0.01}.
std::optional<RepairSetting> parse_repair(const YamlValue& value, Problems& problems);

/// `fc3`, `[conv1, "fc*"]`.
std::vector<NamePattern> parse_patterns(const YamlValue& value, Problems& problems);

}  // namespace espalier
