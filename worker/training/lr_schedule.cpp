#include "worker/training/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {
namespace {

double shape_factor(const LrScheduleSpec& schedule, std::int64_t step) {
  if (schedule.shape == "constant") return 1;
  if (schedule.shape == "step") {
    const auto passed = std::count_if(schedule.milestones.begin(), schedule.milestones.end(),
                                      [step](std::int64_t milestone) { return milestone <= step; });
    return std::pow(schedule.gamma, static_cast<double>(passed));
  }
  if (schedule.shape == "cosine") {
    if (schedule.total_steps <= 0)
      throw Error(ErrorKind::invalid_input, "a cosine learning rate needs total_steps above 0");
    return (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(schedule.total_steps))) / 2;
  }
  throw Error(ErrorKind::invalid_input,
              "learning rate: " + unknown_name(schedule.shape, {"constant", "step", "cosine"}));
}

}  // namespace

double learning_rate(const LrScheduleSpec& schedule, double base, std::int64_t step) {
  const double warmup = schedule.warmup_steps > 0
                            ? std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps))
                            : 1;
  return base * warmup * shape_factor(schedule, step);
}

}  // namespace espalier
