#pragma once

#include <vector>

#include "experiments/diagnostics/diagnostic.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// Warnings about a sweep that runs but whose comparison would say little: no random control, one seed, fewer than
/// three sparsities, no dense networks, a reinit control that is hardly trained, networks pruned before training that
/// are hardly trained, a label that no pool can bear. Pure.
std::vector<Diagnostic> check_sweep(const SweepSpec& spec);

}  // namespace espalier
