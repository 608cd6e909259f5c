#pragma once

#include <cstdint>

#include "experiments/stages/stage_spec.h"

namespace espalier {

/// The learning rate of the 0-based `step`: base * warmup(step) * shape(step), as LrScheduleSpec defines it. Pure.
/// Errors: ErrorKind::invalid_input for an unknown shape, or a cosine over no steps.
double learning_rate(const LrScheduleSpec& schedule, double base, std::int64_t step);

}  // namespace espalier
