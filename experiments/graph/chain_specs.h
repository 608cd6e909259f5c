#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "experiments/graph/mask_draws.h"
#include "experiments/graph/spec_table.h"
#include "experiments/models/model_description.h"
#include "experiments/trials/trial.h"

namespace espalier {

/// The specs of one configuration's stages, made on demand. What a configuration shares with the one before it is
/// kept: neighbours in a sweep mostly differ in one setting.
class ChainSpecs {
 public:
  explicit ChainSpecs(SpecTable& table) : table_(table) {}

  /// Turns to a configuration, which must outlive the next call.
  void turn_to(const TrialConfig& config);

  SpecIndex init();
  SpecIndex reinit();
  SpecIndex dense_train(std::int64_t end_step);
  SpecIndex prune(std::size_t round);    ///< 0-based
  SpecIndex retrain(std::size_t round);  ///< 0-based
  SpecIndex gradual_train();             ///< the dense training with the schedule inside
  SpecIndex sensitivity();
  SpecIndex shuffle();
  SpecIndex latency();
  SpecIndex repair();
  SpecIndex narrow();
  SpecIndex small_train();  ///< of what narrow leaves
  SpecIndex evaluate(bool pruned);

  const ModelCounts& counts() const { return counts_; }

 private:
  void forget_network();
  std::string fresh_scheme() const;
  /// Of a trial that draws masks of its own.
  std::optional<MaskDraws> draws_of(const TrialConfig& config) const;
  bool is_drawn() const;  ///< whether the prunes draw scores
  void keep_equal_prunes(const TrialConfig* before, const std::optional<MaskDraws>& draws_before);
  TrainSpec train_spec(const TrainRecipe& recipe, std::int64_t start_step, std::int64_t end_step,
                       std::int64_t phase) const;
  PruneSpec prune_spec() const;  ///< but for its target and draw

  SpecTable& table_;
  const TrialConfig* config_ = nullptr;
  ModelCounts counts_;
  std::optional<MaskDraws> draws_;
  std::optional<SpecIndex> init_, reinit_, shuffle_, narrow_, small_train_, evaluate_dense_, evaluate_pruned_, gradual_,
      sensitivity_, latency_, repair_;
  std::vector<std::pair<std::int64_t, SpecIndex>> dense_;  // by end step
  std::vector<std::optional<SpecIndex>> retrain_;          // by phase
  std::vector<std::optional<SpecIndex>> prune_;            // by round
};

}  // namespace espalier
