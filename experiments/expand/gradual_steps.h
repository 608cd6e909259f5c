#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "experiments/pruning/dialects/dialects.h"

namespace espalier {

/// When a schedule inside a training prunes, and how far along it is then.
struct GradualSteps {
  std::int64_t first_step = 0;
  std::int64_t every = 0;
  std::vector<double> progress;  ///< of each update: 1 is the end
};

/// Ours: updates before steps start + every, start + 2 every, ... up to `end`; the last of them ends the schedule,
/// progress is counted up to it. At `start` itself nothing is due (Zhu & Gupta 2017, arXiv:1710.01878, with s_0 = 0);
/// with an initial sparsity there is an update at `start` too. A dialect that is steps ahead updates at the multiples
/// of `every` within [start, end].
GradualSteps gradual_steps(std::int64_t start, std::int64_t end, std::int64_t every, bool at_start,
                           const std::optional<Dialect>& dialect);

/// clip(step + steps ahead - start, 0, end - start) / (end - start).
double gradual_progress(std::int64_t start, std::int64_t end, std::int64_t step, const std::optional<Dialect>& dialect);

}  // namespace espalier
