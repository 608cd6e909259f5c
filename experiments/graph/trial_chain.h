#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "experiments/graph/chain_specs.h"
#include "experiments/graph/stage_table.h"

namespace espalier {

/// Lays out the stages of one trial after another: init, dense training, then prune and retrain round by round, and the
/// evaluation.
class TrialChain {
 public:
  TrialChain(SpecTable& specs, StageTable& stages) : specs_(specs), stages_(stages) {}

  /// All but TrialStages::dense_evaluate. The stages and steps that the trial would take alone are added to `report`.
  TrialStages add(const Trial& trial, SharingReport& report);

  /// The evaluation of the trial's dense network, if some trial needs it.
  std::optional<StageIndex> find_dense_evaluate(const Trial& trial);

 private:
  struct Pruned {
    StageIndex weights;  ///< what the last round pruned, or what its criterion or training left of them
    StageIndex masks;
    std::optional<StageIndex> trained;  ///< by the last round's retraining
  };

  void turn_to(const Trial& trial);
  StageIndex init(bool fresh);
  StageIndex dense_state(std::int64_t step);
  bool fit_their_mask() const;
  Pruned prune_in_rounds();
  Pruned draw_in_rounds();
  Pruned prune_in_training();
  StageIndex prune(std::size_t round, std::optional<StageIndex> weights, std::optional<StageIndex> masks);
  std::optional<StageIndex> sensitivity(StageIndex weights);
  StageIndex shuffle(StageIndex masks);
  /// The weights as they are, or what they become where the trial repairs what a cut leaves.
  StageIndex repaired(StageIndex weights, StageIndex masks);
  StageIndex narrow(StageIndex masks);
  StageIndex train_small(StageIndex narrowed);
  StageIndex retrain(std::size_t round, StageIndex weights, StageIndex masks);
  std::optional<StageIndex> stored_origin();
  StageIndex retrain_origin(StageIndex pruned);
  StageIndex latency(StageIndex weights, StageIndex masks);
  StageIndex evaluate(StageIndex weights, std::optional<StageIndex> masks);
  void fill(Stage& stage, double cost, std::string label) const;
  StageIndex touch(StageIndex stage);

  ChainSpecs specs_;
  StageTable& stages_;
  const Trial* trial_ = nullptr;
  const TrialConfig* config_ = nullptr;
  std::optional<StageIndex> sensitivity_;  // of the present trial
  std::vector<StageIndex> touched_;        // by the present trial
  std::int64_t dense_steps_ = 0;           // that the present trial needs of the dense training
  std::int64_t retrain_steps_ = 0;
};

}  // namespace espalier
