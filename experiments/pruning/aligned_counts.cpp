#include "experiments/pruning/aligned_counts.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace espalier {
namespace {

std::int64_t rounded_down(std::int64_t count, std::int64_t multiple) {
  return count / multiple * multiple;
}

std::int64_t rounded_up(std::int64_t count, std::int64_t multiple) {
  return rounded_down(count + multiple - 1, multiple);
}

/// The next count below that the scope may have; `count` itself if it is the lowest.
std::int64_t below(std::int64_t count, const AlignedScope& scope) {
  return std::max(scope.lowest(), rounded_down(count - 1, scope.multiple));
}

/// The next above; `count` itself if it is the most.
std::int64_t above(std::int64_t count, const AlignedScope& scope) {
  return std::min(scope.most, rounded_down(count, scope.multiple) + scope.multiple);
}

/// The highest that is not above `count`.
std::int64_t at_most(std::int64_t count, const AlignedScope& scope) {
  if (count >= scope.most) return scope.most;
  return std::max(scope.lowest(), rounded_down(count, scope.multiple));
}

}  // namespace

std::int64_t unit_multiple(const PruneScope& scope, std::int64_t align) {
  std::int64_t multiple = 1;
  for (const ScopeMember& member : scope.members) {
    if (member.part == ScopeMember::Part::norm || member.part == ScopeMember::Part::tensor) continue;
    const std::int64_t seen = member.step % member.groups == 0 ? member.step / member.groups : member.step;
    multiple = std::lcm(multiple, align / std::gcd(align, seen));
  }
  return multiple;
}

std::int64_t AlignedScope::lowest() const {
  return std::min(most, std::max(multiple, rounded_up(least, multiple)));
}

std::int64_t aligned_count(std::int64_t count, const AlignedScope& scope) {
  const std::int64_t low = at_most(count, scope);
  const std::int64_t high = above(low, scope);
  return count - low < high - count ? low : high;
}

std::vector<std::int64_t> aligned_counts(std::span<const std::int64_t> counts, std::span<const AlignedScope> scopes,
                                         std::int64_t total) {
  std::vector<std::int64_t> made;
  for (std::size_t i = 0; i < counts.size(); ++i) made.push_back(at_most(counts[i], scopes[i]));
  std::int64_t missing = total - std::accumulate(made.begin(), made.end(), std::int64_t{0});
  for (;;) {
    const bool up = missing > 0;
    std::size_t furthest = counts.size();
    double distance = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const std::int64_t next = up ? above(made[i], scopes[i]) : below(made[i], scopes[i]);
      const std::int64_t step = std::abs(next - made[i]);
      const std::int64_t left = std::abs(missing - (next - made[i]));
      // Halfway the higher one: a step up may leave the sum as far away as it was.
      if (step == 0 || left > std::abs(missing) || (left == std::abs(missing) && !up)) continue;
      const std::int64_t away = up ? counts[i] - made[i] : made[i] - counts[i];
      const double steps = static_cast<double>(away) / static_cast<double>(step);
      if (furthest < counts.size() && steps <= distance) continue;
      furthest = i;
      distance = steps;
    }
    if (furthest == counts.size()) return made;
    const std::int64_t next = up ? above(made[furthest], scopes[furthest]) : below(made[furthest], scopes[furthest]);
    missing -= next - made[furthest];
    made[furthest] = next;
  }
}

}  // namespace espalier
