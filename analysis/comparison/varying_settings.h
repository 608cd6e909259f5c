#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/comparison/comparison.h"

namespace espalier {

/// Splits the settings of a block's cells into those that all cells share (for a headline) and those that distinguish
/// them (for a column), so that a table repeats nothing.
class VaryingSettings {
 public:
  explicit VaryingSettings(const std::vector<CellKey>& keys);

  /// `allocation global, retrain finetune 2ep, scored at step 0, later rounds score step 918`; the schedule is never in
  /// it. What only some cells have, as later rounds, is shared if those agree. Where it is not known what later rounds
  /// score, `first scored at step 0` is all that is said.
  const std::string& shared() const { return shared_; }
  /// `iterative x5, uniform`: the schedule with its rounds, and the settings that vary.
  std::string text(const CellKey& key) const;
  /// The column's title: `schedule`, or `schedule, allocation`.
  const std::string& title() const { return title_; }

 private:
  std::vector<bool> varies_;  // one for each setting
  std::string shared_, title_;
};

/// `one_shot`, `iterative x5`, `iterative x5 rate 0.2`.
std::string schedule_text(const std::string& schedule, std::int64_t rounds, std::optional<double> rate = {});

}  // namespace espalier
