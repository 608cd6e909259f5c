#pragma once

#include "experiments/parse/axis_reader.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// `zip`, `when` and `exclude`, which speak of the axes that were read before: fills spec.axes, dials, when and
/// exclude.
void read_axis_keys(AxisReader& axes, MapReader& sweep, SweepSpec& spec);

}  // namespace espalier
