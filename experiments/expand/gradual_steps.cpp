#include "experiments/expand/gradual_steps.h"

#include <algorithm>

namespace espalier {

double gradual_progress(std::int64_t start, std::int64_t end, std::int64_t step,
                        const std::optional<Dialect>& dialect) {
  const std::int64_t ahead = dialect ? dialect->steps_ahead : 0;
  return static_cast<double>(std::clamp<std::int64_t>(step + ahead - start, 0, end - start)) /
         static_cast<double>(end - start);
}

GradualSteps gradual_steps(std::int64_t start, std::int64_t end, std::int64_t every, bool at_start,
                           const std::optional<Dialect>& dialect) {
  const bool on_multiples = dialect && dialect->steps_ahead > 0;
  GradualSteps steps;
  steps.every = every;
  steps.first_step = on_multiples ? (start + every - 1) / every * every : at_start ? start : start + every;
  const std::int64_t last = on_multiples ? end : start + (end - start) / every * every;
  for (std::int64_t step = steps.first_step; step <= last; step += every) {
    steps.progress.push_back(gradual_progress(start, last, step, dialect));
  }
  return steps;
}

}  // namespace espalier
