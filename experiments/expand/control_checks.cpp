#include "experiments/expand/control_checks.h"

#include <algorithm>
#include <string>
#include <utility>

namespace espalier {

using Kind = Granularity::Kind;

bool ControlChecks::wants(Control control) const {
  return std::ranges::find(spec_.controls, control) != spec_.controls.end();
}

void ControlChecks::refuse(bool& warned, const std::string& why) {
  if (!std::exchange(warned, true)) problems_.add(spec_.controls_place, why);
}

void ControlChecks::check_retraining(const RetrainSetting& setting) {
  using Form = RetrainSetting::Form;
  if (setting.form != Form::none || !wants(Control::reinit)) return;
  const auto can_have_it = [](const RetrainSetting& one) {
    const bool fresh = one.form == Form::reinit || one.form == Form::scratch_e || one.form == Form::scratch_b ||
                       (one.form == Form::knobs && one.weights == RetrainSetting::Weights::fresh);
    return one.form != Form::none && !fresh;
  };
  if (std::ranges::any_of(spec_.retrain.values, can_have_it)) return;
  problems_.add(spec_.controls_place,
                "reinit trains new weights, but with retrain: none nothing is trained; drop one of them");
}

void ControlChecks::check_shuffles(const Granularity& granularity) {
  const std::string name = to_string(granularity);
  if (wants(Control::shuffle) && granularity.kind == Kind::layer) {
    refuse(warned_shuffle_,
           "shuffle keeps each layer's count, which cannot be where whole blocks go (granularity layer); use "
           "shuffle_network or random");
  }
  if (wants(Control::shuffle_network) && granularity.kind == Kind::n_of_m) {
    refuse(warned_shuffle_, "shuffle_network moves weights across layers, which leaves no " + name +
                                " pattern; use shuffle, which moves them within their groups");
  }
  const bool weights = granularity.kind == Kind::weight || granularity.kind == Kind::n_of_m;
  if (wants(Control::shuffle_sized) && weights) {
    refuse(warned_sizes_, "shuffle_sized moves structures among those of their size, and granularity " + name +
                              " removes single weights, which have one; use shuffle or shuffle_network");
  }
}

}  // namespace espalier
