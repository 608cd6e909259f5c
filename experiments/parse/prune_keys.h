#pragma once

#include "experiments/parse/axis_reader.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// `prune: {method: magnitude, sparsity: 0.9, ...}`: every key may be an axis. Reports settings that contradict each
/// other and settings that nothing uses.
void read_prune_keys(AxisReader& axes, const YamlValue& value, PruneKeys& keys);

}  // namespace espalier
