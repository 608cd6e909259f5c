#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/catalog/granularity.h"
#include "experiments/stages/stage_spec.h"
#include "worker/data/resident_dataset.h"
#include "worker/network/network.h"

namespace espalier {

/// The inputs of a criterion. The network holds the weights, with the current masks applied.
struct CriterionContext {
  Network& network;
  bool has_weights = false;  ///< false: the stage was given no weights, and those of the network are zeros
  std::uint64_t seed = 0;
  std::int64_t batches = 0;                    ///< of training data; 0 if the stage was given none
  std::function<Batch(std::int64_t)> batch;    ///< 0 .. batches - 1, the same at every call
  std::map<std::string, double> options = {};  ///< all that the catalog names, defaults resolved
  Mode mode = Mode::evaluate;                  ///< of every pass over a batch: evaluate or batch_statistics
  std::string draw = {};                       ///< PruneSpec::draw, of a criterion that draws its scores

  /// Errors: ErrorKind::internal if there are none.
  const std::vector<PrunableWeight>& weights() const;
  /// Errors: ErrorKind::internal for one that the catalog does not name.
  double option(const std::string& name) const;
};

/// One tensor per prunable layer, float32, of the weight's shape, on any device. Higher = keep. What is already pruned
/// is scored too, and its score ignored. A criterion that scores outputs gives all weights of an output the same score,
/// and an undefined tensor for a layer that it cannot score. The network is left as it was: parameters, buffers, masks.
/// Adding a criterion is one file with score_<name> and one line in catalog/criteria.def.
using Scores = std::vector<at::Tensor>;
using Criterion = Scores (*)(const CriterionContext& context);

/// Errors: ErrorKind::invalid_input for an unknown name, with the choices, and for a criterion that repairs.
Criterion find_score(const std::string& name);

/// What a criterion that changes the weights that stay (repairs_weights in the catalog) is asked for.
struct RepairOrder {
  std::vector<std::size_t> layers;  ///< the network's prunable weights that may be pruned, one per scope, in order
  PruneTarget target;               ///< counts over those
  Granularity granularity;          ///< weight or n_of_m
};

/// Selects and repairs: the network's masks and weights are changed, what was pruned before stays so.
/// Adding one is one file with repair_<name> and one line in catalog/criteria.def.
using Repair = void (*)(const CriterionContext& context, const RepairOrder& order);

/// Errors: ErrorKind::invalid_input for an unknown name, with the choices, and for a criterion that only scores.
Repair find_repair(const std::string& name);

/// dL/dw per prunable layer, the mean over all batches of the gradient of the mean cross-entropy, at the current
/// weights. Errors: ErrorKind::internal if there are no weights or batches.
std::vector<at::Tensor> mean_gradients(const CriterionContext& context);

#define ESPALIER_DECLARE_SCORE(name) Scores score_##name(const CriterionContext& context);
#define ESPALIER_DECLARE_scores_weights ESPALIER_DECLARE_SCORE
#define ESPALIER_DECLARE_draws_scores ESPALIER_DECLARE_SCORE
#define ESPALIER_DECLARE_scores_outputs ESPALIER_DECLARE_SCORE
#define ESPALIER_DECLARE_scores_normed_outputs ESPALIER_DECLARE_SCORE
#define ESPALIER_DECLARE_scores_activated_outputs ESPALIER_DECLARE_SCORE
#define ESPALIER_DECLARE_repairs_weights(name) \
  void repair_##name(const CriterionContext& context, const RepairOrder& order);
#define ESPALIER_CRITERION(name, formula, paper, needs, scores, ...) ESPALIER_DECLARE_##scores(name)
#include "experiments/catalog/criteria.def"
#undef ESPALIER_CRITERION
#undef ESPALIER_DECLARE_repairs_weights
#undef ESPALIER_DECLARE_scores_activated_outputs
#undef ESPALIER_DECLARE_scores_normed_outputs
#undef ESPALIER_DECLARE_scores_outputs
#undef ESPALIER_DECLARE_draws_scores
#undef ESPALIER_DECLARE_scores_weights
#undef ESPALIER_DECLARE_SCORE

}  // namespace espalier
