#include <algorithm>
#include <limits>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>

#include "base/error.h"
#include "worker/criteria/loss_derivatives.h"

namespace espalier {
namespace {

/// |w dR/dw| of a network whose parameters and buffers may be written to.
Scores synaptic_flow(Network& network) {
  {
    const at::NoGradGuard no_grad;
    network.parameters().abs_();
    for (const Buffer& buffer : network.buffers()) {
      // Minus infinity is what an attention is told not to look at.
      if (buffer.tensor.is_floating_point())
        buffer.tensor.copy_(buffer.tensor.abs().where(buffer.tensor.isfinite(), buffer.tensor));
    }
  }
  const at::AutoGradMode with_grad(true);
  const auto& input = network.description().input;
  const at::Tensor ones = at::ones({1, input[0], input[1], input[2]}, network.parameters().options());
  Scores scores = weight_derivatives(network, network.forward(ones).sum());
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = scores[i].mul(network.prunable()[i].weight).abs();
  return scores;
}

void require_finite(const Scores& scores, const char* what_to_do) {
  for (const at::Tensor& score : scores) {
    if (!score.isfinite().all().item<bool>())
      throw Error(ErrorKind::numeric, std::string("SynFlow's scores leave the range of numbers: ") + what_to_do);
  }
}

/// float64 scores as float32: by one factor for all layers if they do not fit, which changes no ranking.
Scores to_float32(Scores scores) {
  constexpr double kLargest = 1e38;
  double largest = 0, smallest = kLargest;
  for (const at::Tensor& score : scores) {
    largest = std::max(largest, score.max().item<double>());
    const at::Tensor positive = score.masked_select(score.gt(0));
    if (positive.numel() > 0) smallest = std::min(smallest, positive.min().item<double>());
  }
  const bool fits = largest <= kLargest && smallest >= std::numeric_limits<float>::min();
  for (at::Tensor& score : scores) {
    // Two factors: one alone could be too small to hold.
    if (!fits && largest > 0) score = score.div(largest).mul(kLargest);
    score = score.to(at::kFloat);
  }
  return scores;
}

}  // namespace

/// |w dR/dw| with R the sum of the outputs for an input of ones, every parameter and buffer replaced by its absolute
/// value, norms in evaluate mode. Tanaka et al. 2020, arXiv:2006.05467, eq. (2) and algorithm 1, whose rounds are the
/// caller's (options rounds and density): this is one. Differs from the paper as its authors' code does: biases and
/// norms take part. Option float64: computes in double precision. Errors: ErrorKind::invalid_input for a model of
/// tokens, which has no input of ones; ErrorKind::numeric if scores are not finite.
Scores score_synflow(const CriterionContext& context) {
  context.weights();
  if (takes_tokens(context.network.description())) {
    throw Error(ErrorKind::invalid_input, "prune.criterion: synflow needs a model that takes numbers, and " +
                                              context.network.description().name +
                                              " takes tokens; choose another criterion");
  }
  if (context.option("float64") != 0) {
    Network copy = in_float64(context.network);
    Scores scores = synaptic_flow(copy);
    require_finite(scores, "even float64 does not hold them, so the weights are far too large");
    return to_float32(std::move(scores));
  }
  const KeptWeights kept(context.network);
  Scores scores = synaptic_flow(context.network);
  require_finite(scores, "compute in float64, criterion: {synflow: {float64: 1}}");
  return scores;
}

}  // namespace espalier
