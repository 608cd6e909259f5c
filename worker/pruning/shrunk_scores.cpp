#include "worker/pruning/shrunk_scores.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <ATen/ops/zeros_like.h>

#include "worker/criteria/loss_derivatives.h"
#include "worker/pruning/shrunk_network.h"

namespace espalier {
namespace {

constexpr double kNoScore = -std::numeric_limits<double>::infinity();
constexpr std::int64_t kExamplesCompared = 16;

bool scores_by_output(const CriterionEntry& criterion) {
  return criterion.scores == CriterionScores::scores_outputs ||
         criterion.scores == CriterionScores::scores_normed_outputs ||
         criterion.scores == CriterionScores::scores_activated_outputs;
}

/// Each output's score for all of its weights, of one whose other weights have none.
at::Tensor spread_again(const at::Tensor& placed, const PrunableLayer& layer) {
  const at::Tensor by_output = rows_of_outputs(placed, layer).amax(1);
  return spread_over_outputs(by_output.masked_fill(by_output.eq(kNoScore), 0), layer);
}

}  // namespace

Scores shrunk_scores(const CriterionEntry& criterion, const CriterionContext& context) {
  const Criterion score = find_score(std::string(criterion.name));
  const auto shrunk = ShrunkNetwork::of(context.network);
  if (!shrunk) return score(context);
  Network small = shrunk->network();
  small.beat_on(context.network.pulse());
  small.set_weights(shrunk->gathered(context.network.weights()));
  if (context.batches > 0)
    require_equal_outputs(context.network, small, context.batch(0).inputs.slice(0, 0, kExamplesCompared));

  const Scores left = score({small, context.has_weights, context.seed, context.batches, context.batch, context.options,
                             context.mode, context.draw});
  const bool by_output = scores_by_output(criterion);
  const std::vector<PrunableLayer> layers = prunable_layers(context.network.description());
  Scores scores;
  for (const PrunableWeight& whole : context.network.prunable()) {
    const auto found = std::ranges::find(small.prunable(), whole.layer, &PrunableWeight::layer);
    if (found == small.prunable().end()) {  // it left with its block
      scores.push_back(at::zeros_like(whole.mask, at::kFloat));
      continue;
    }
    const at::Tensor& of_layer = left.at(static_cast<std::size_t>(found - small.prunable().begin()));
    if (!of_layer.defined()) {
      scores.emplace_back();
      continue;
    }
    const at::Tensor placed = shrunk->placed(whole.parameter, of_layer, by_output ? kNoScore : 0);
    scores.push_back(by_output ? spread_again(placed, layers.at(scores.size())) : placed);
  }
  return scores;
}

}  // namespace espalier
