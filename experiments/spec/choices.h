#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/diagnostics/key_place.h"

namespace espalier {

using AxisIndex = std::uint32_t;

/// Which value of each axis is taken: one index per axis of the sweep.
using Combination = std::vector<std::uint32_t>;

/// A key that was given a list of values where one is expected: each is tried.
struct Axis {
  std::vector<std::string> variants;  ///< per value "train.lr=0.01", or "" if a column of the results shows it
  std::vector<std::uint32_t> first;   ///< per value the first that equals it: itself, unless it is a repetition
  bool dense = false;  ///< the dense network depends on it: dataset, model, init, ranks_per_trial, train.*
  int order = 0;       ///< position in the file; later axes vary faster
  KeyPlace place;
};

/// What a sweep gives for a key: nothing, a value, or an axis of values.
template <typename Value>
struct Choices {
  std::vector<Value> values;
  std::optional<AxisIndex> axis;

  bool given() const { return !values.empty(); }
  /// Which value a combination takes. `given()` must hold.
  std::size_t index(const Combination& combination) const { return axis ? combination[*axis] : 0; }
  decltype(auto) at(const Combination& combination) const { return values[index(combination)]; }
  std::optional<Value> pick(const Combination& combination) const {
    return given() ? std::optional<Value>(at(combination)) : std::nullopt;
  }
};

/// A condition of `when:` or `exclude:`: per axis, which of its values it speaks of. It holds if all of them do.
struct Condition {
  std::vector<std::pair<AxisIndex, std::vector<bool>>> values;

  bool holds(const Combination& combination) const {
    for (const auto& [axis, spoken_of] : values) {
      if (!spoken_of[combination[axis]]) return false;
    }
    return true;
  }
};

}  // namespace espalier
