#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "experiments/diagnostics/key_place.h"

namespace espalier {

/// A stretch of training as a sweep writes it: "2ep50it", "500it", 500, `epochs: 2`. Epochs become steps when the
/// dataset and the batch size are known.
struct Length {
  std::int64_t epochs = 0;
  std::int64_t steps = 0;
  KeyPlace place;

  std::int64_t in_steps(std::int64_t steps_per_epoch) const { return epochs * steps_per_epoch + steps; }
  // Wherever it was written.
  bool operator==(const Length& other) const { return epochs == other.epochs && steps == other.steps; }
  auto operator<=>(const Length& other) const {
    return std::pair(epochs, steps) <=> std::pair(other.epochs, other.steps);
  }
};

/// "2ep50it", "500it", "2ep", "init" for nothing.
inline std::string to_string(const Length& length) {
  std::string text;
  if (length.epochs > 0) text += std::to_string(length.epochs) + "ep";
  if (length.steps > 0) text += std::to_string(length.steps) + "it";
  return text.empty() ? "init" : text;
}

}  // namespace espalier
