#pragma once

#include "worker/network/named_tensors.h"
#include "worker/pruning/sensitivity_allocation.h"

namespace espalier {

/// The artifact of a sensitivity stage: "losses" float64 [scopes, sparsities], "sparsities" float64, of which the first
/// is 0, and "units" int64 [scopes].
NamedTensors to_tensors(const SensitivityCurves& curves);
/// Errors: ErrorKind::corrupt for tensors that are not such.
SensitivityCurves curves_from(const NamedTensors& tensors);

}  // namespace espalier
