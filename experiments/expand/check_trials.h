#pragma once

#include <vector>

#include "experiments/diagnostics/diagnostic.h"
#include "experiments/spec/sweep_spec.h"
#include "experiments/trials/trial.h"

namespace espalier {

/// Warnings about what a sweep's trials turn out to be: scores made for initialization on trained networks that are not
/// retrained, and retraining at a constant rate after a training whose rate decays. Pure.
std::vector<Diagnostic> check_trials(const SweepSpec& spec, const std::vector<Trial>& trials);

}  // namespace espalier
