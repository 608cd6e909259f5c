#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "experiments/trials/trial.h"

namespace espalier {

/// Which of a seed's random masks a trial draws (PruneSpec::draw): 16 hexadecimal digits of what is computed up to
/// there and of no name, so that trials that differ in anything before their masks draw independently, and equal
/// computations stay one.
/// Digests, each over canonical JSON and the one before:
///   curves   the dense network (TrialKeys::network), the step that is pruned, what scores and selects
///   round 1  curves, and the counts to keep
///   round r  the round before, its retraining but for the name, and the counts to keep: the operating points of one
///            chain share their rounds
///   shuffle  the last round, and the control
class MaskDraws {
 public:
  /// `spec` is what the trial's prunes have in common: their target is left out. `config` must outlive it.
  MaskDraws(const TrialConfig& config, const PruneSpec& spec);

  std::string of_curves() const;
  std::string of_round(std::size_t round);  ///< 0-based
  /// Of masks that change inside a training.
  std::string of_all_rounds() { return of_round(config_->prune->rounds.size() - 1); }
  std::string of_shuffle();

  /// Whether rounds with equal counts draw alike.
  bool are_alike(const MaskDraws& other) const { return curves_ == other.curves_ && retraining_ == other.retraining_; }

 private:
  const TrialConfig* config_;
  Digest curves_, retraining_;
  std::vector<Digest> rounds_;  // those computed so far
};

}  // namespace espalier
