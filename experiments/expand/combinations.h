#pragma once

#include <cstdint>
#include <optional>

#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// Walks the combinations of a sweep's axes, the last dial fastest, passing over those that `when` and `exclude` drop.
class Combinations {
 public:
  explicit Combinations(const SweepSpec& spec);

  /// The product of the dials, before conditions; none if it is above `most`.
  std::optional<std::int64_t> count(std::int64_t most) const;

  /// The next combination, valid until the following call; null at the end.
  const Combination* next();

 private:
  bool advance();
  bool stays() const;

  const SweepSpec& spec_;
  Combination combination_;
  bool started_ = false;
};

}  // namespace espalier
