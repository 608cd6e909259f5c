#pragma once

#include <string_view>
#include <vector>

#include "worker/selection/threshold.h"

namespace espalier {

// Scores that are made comparable over layers before all are ranked together (PruneSpec::ranking). One layer or scope
// in, as many scores out; what does not survive gets 0. Errors: refuse_nan's.

/// s_i^2 / sum of s_j^2 over i and all j behind it in the order of (score, index). The last one gets 1, so that a
/// global ranking empties no layer before every layer is down to one. In double precision, by sorting. Lee et al.
/// 2021, arXiv:2010.07611, there of |w|. Errors: ErrorKind::invalid_input naming the layer if a survivor's score is
/// negative: squares would turn the order.
std::vector<float> lamp_scores(const ScoredLayer& layer);

/// s / (norm + 1e-8), the L2 norm of the layer's scores: how JaxPruner compares magnitudes of different layers.
std::vector<float> normalized_scores(const ScoredLayer& layer);

/// What a PruneSpec::ranking asks for.
struct RankingRule {
  std::string_view name;
  bool by_row = false;                                             ///< every row is ranked by itself
  std::vector<float> (*comparable)(const ScoredLayer&) = nullptr;  ///< of each scope; null: scores as they are
};

/// Errors: ErrorKind::invalid_input for an unknown name, with the choices.
const RankingRule& find_ranking(std::string_view name);

}  // namespace espalier
