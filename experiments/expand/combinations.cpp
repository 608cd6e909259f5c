#include "experiments/expand/combinations.h"

#include <algorithm>

namespace espalier {

Combinations::Combinations(const SweepSpec& spec) : spec_(spec), combination_(spec.axes.size(), 0) {}

std::optional<std::int64_t> Combinations::count(std::int64_t most) const {
  std::int64_t product = 1;
  for (const auto& dial : spec_.dials) {
    product *= static_cast<std::int64_t>(spec_.axes[dial.front()].variants.size());
    if (product > most) return std::nullopt;
  }
  return product;
}

const Combination* Combinations::next() {
  while (advance()) {
    if (stays()) return &combination_;
  }
  return nullptr;
}

bool Combinations::advance() {
  if (!started_) {
    started_ = true;
    return true;
  }
  for (auto dial = spec_.dials.rbegin(); dial != spec_.dials.rend(); ++dial) {
    const bool wraps = combination_[dial->front()] + 1 == spec_.axes[dial->front()].variants.size();
    for (const AxisIndex axis : *dial) combination_[axis] = wraps ? 0 : combination_[axis] + 1;
    if (!wraps) return true;
  }
  return false;
}

bool Combinations::stays() const {
  const auto holds = [this](const Condition& condition) { return condition.holds(combination_); };
  if (!spec_.when.empty() && std::ranges::none_of(spec_.when, holds)) return false;
  return std::ranges::none_of(spec_.exclude, holds);
}

}  // namespace espalier
