#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "experiments/diagnostics/problems.h"
#include "experiments/models/model_description.h"
#include "experiments/pruning/prune_scopes.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// The sparsity that `prune.ratios` gives each scope; none for those that no pattern fits, whose sparsity is the
/// sweep's. A pattern fits a scope by its name or by that of a layer that loses outputs with its units; of several that
/// fit a layer the last holds. Reports a pattern that fits nothing, and layers of one scope with different ratios,
/// naming both. `units` is what the scopes lose, for messages: "channels".
std::vector<std::optional<double>> scope_ratios(const RatioSetting& ratios, const std::vector<PruneScope>& scopes,
                                                const std::vector<PrunableLayer>& layers, std::string_view units,
                                                Problems& problems);

}  // namespace espalier
