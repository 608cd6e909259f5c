#include "worker/criteria/activations.h"

#include <ATen/core/grad_mode.h>

#include "base/error.h"
#include "worker/criteria/loss_derivatives.h"

namespace espalier {
namespace {

class ActivationObserver : public ForwardObserver {
 public:
  std::map<std::string, ActivationSums> sums;

  explicit ActivationObserver(const ModelDescription& model) {
    for (const PrunableLayer& layer : prunable_layers(model))
      dims_.emplace(layer.activation, static_cast<std::int64_t>(layer.activation_dim));
  }

  void on_relu(const std::string& relu, const at::Tensor& output) override {
    // Where no layer says it, [N, C, H, W] has its channels in the second dimension; [N, C] and [N, tokens, C] in the
    // last.
    const auto dim = dims_.find(relu);
    const std::int64_t channel = dim != dims_.end() ? dim->second : output.dim() == 4 ? 1 : output.dim() - 1;
    const at::Tensor rows = output.movedim(channel, -1).reshape({-1, output.size(channel)});
    ActivationSums& one = sums[relu];
    const at::Tensor zeros = rows.eq(0).sum(0, false, at::kDouble), sum = rows.sum(0, false, at::kDouble);
    one.zeros = one.zeros.defined() ? one.zeros.add(zeros) : zeros;
    one.sum = one.sum.defined() ? one.sum.add(sum) : sum;
    one.count += rows.size(0);
  }

 private:
  std::map<std::string, std::int64_t> dims_;  // of the outputs of layers, by ReLU
};

}  // namespace

std::map<std::string, ActivationSums> activation_sums(const CriterionContext& context) {
  if (context.batches <= 0)
    throw Error(ErrorKind::internal, "a criterion that looks at activations was given no batches");
  const at::NoGradGuard no_grad;
  ActivationObserver observer(context.network.description());
  for (std::int64_t index = 0; index < context.batches; ++index)
    context.network.forward(context.batch(index).inputs, {context.mode, &observer});
  return observer.sums;
}

Scores activation_scores(const CriterionContext& context, at::Tensor (*f)(const ActivationSums& sums)) {
  const auto sums = activation_sums(context);
  Scores scores(context.weights().size());
  const std::vector<PrunableLayer> layers = prunable_layers(context.network.description());
  for (std::size_t i = 0; i < scores.size() && i < layers.size(); ++i) {
    const auto found = sums.find(layers[i].activation);
    if (!layers[i].activation.empty() && found != sums.end())
      scores[i] = spread_over_outputs(f(found->second), layers[i]);
  }
  return scores;
}

}  // namespace espalier
