#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/rows/failure_row.h"

namespace espalier {

/// `train.lr` and `1`, `sparsity` and `0.98`.
struct TrialSetting {
  std::string name, value;
  bool operator==(const TrialSetting&) const = default;
};

/// What distinguishes a trial from others: its columns, and the entries of its variant.
std::vector<TrialSetting> trial_settings(const TrialFateRow& trial);

enum class Fate {
  struck,  ///< what is to be explained
  fine,    ///< done, and nothing to explain
  open     ///< nothing is known yet, or something else is the matter
};

/// A part of a sweep: the trials that have these settings.
struct FailingRegion {
  std::vector<TrialSetting> settings;  ///< one or two
  std::int64_t struck = 0, fine = 0, trials = 0;
};

/// The settings that all struck trials have and (almost) no fine one: at most one in twenty of these. One setting if
/// one will do, else a pair; of several, the one with the fewest fine trials, then the fewest trials, then the first in
/// the order of trial_settings. None below two struck trials, or if no trial is fine: then nothing distinguishes the
/// failed ones. `fates` is parallel to `trials`. Pure.
std::optional<FailingRegion> find_failing_region(const std::vector<TrialFateRow>& trials,
                                                 const std::vector<Fate>& fates);

/// `train.lr=1`, `model=lenet-5 and train.lr=1`.
std::string settings_text(const std::vector<TrialSetting>& settings);

}  // namespace espalier
