#pragma once

#include <string>
#include <vector>

#include "analysis/comparison.h"

namespace espalier {

/// Splits what is held equal in a block's cells into what all of them share (for a headline) and what tells them apart
/// (for a column), so that a table repeats nothing.
class VaryingSettings {
 public:
  explicit VaryingSettings(const std::vector<CellKey>& keys);

  /// `allocation global, retrain finetune 2ep`; the schedule is never in it.
  const std::string& shared() const { return shared_; }
  /// `iterative x5, uniform`: the schedule with its rounds, and the settings that vary.
  std::string text(const CellKey& key) const;
  /// The column's title: `schedule`, or `schedule, allocation`.
  const std::string& title() const { return title_; }

 private:
  bool varies_[4] = {};
  std::string shared_, title_;
};

/// `one_shot`, `iterative x5`.
std::string schedule_text(const std::string& schedule, std::int64_t rounds);

}  // namespace espalier
