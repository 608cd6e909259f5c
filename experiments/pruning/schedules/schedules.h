#pragma once

#include <string_view>

namespace espalier {

// Each schedule of catalog/schedules.def is one file beside this one: `density_after_NAME`, the fraction kept once
// `progress` of the rounds are over, on the way to `sparsity` (the fraction removed at the end).
// progress = r / R in (0, 1], or within a training (t - start) / (end - start) in [0, 1]; at 1 the density is 1 -
// sparsity. `initial` is the sparsity at progress 0: of all for linear and cubic, of the final one for agp; others have
// none.

#define ESPALIER_SCHEDULE(name, ...) double density_after_##name(double sparsity, double progress, double initial);
#include "experiments/catalog/schedules.def"
#undef ESPALIER_SCHEDULE

/// Errors: ErrorKind::internal for a name that the catalog lacks (the parser refuses it before).
double density_after(std::string_view schedule, double sparsity, double progress, double initial = 0);

}  // namespace espalier
