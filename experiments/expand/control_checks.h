#pragma once

#include "experiments/catalog/granularity.h"
#include "experiments/diagnostics/problems.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// Controls that cannot be what they are said to be. Each is reported once, at the sweep's `controls`.
class ControlChecks {
 public:
  /// Both outlive it.
  ControlChecks(const SweepSpec& spec, Problems& problems) : spec_(spec), problems_(problems) {}

  bool wants(Control control) const;

  /// A network that is not retrained has no reinit control; a sweep in which none can have one is mistaken.
  void check_retraining(const RetrainSetting& setting);
  /// Shuffles that would leave no such masks, or be another shuffle.
  void check_shuffles(const Granularity& granularity);

 private:
  void refuse(bool& warned, const std::string& why);

  const SweepSpec& spec_;
  Problems& problems_;
  bool warned_shuffle_ = false;
  bool warned_sizes_ = false;
};

}  // namespace espalier
