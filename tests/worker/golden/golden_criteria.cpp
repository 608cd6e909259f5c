#include <cmath>

#include "tests/worker/golden/golden_case.h"
#include "worker/criteria/activations.h"
#include "worker/criteria/example_gradients.h"
#include "worker/criteria/layer_inputs.h"
#include "worker/criteria/second_order.h"

// Scores of every criterion beside those that other programs computed.

namespace espalier {
namespace {

GoldenEntry compared(double tolerance, const std::string& criterion) {
  return {tolerance,
          [criterion](const GoldenCase& golden, const std::string&) { return golden_scores(golden, criterion); }};
}

/// The sum over all scores.
double sum(const NamedTensors& scores) {
  double sum = 0;
  for (const auto& [name, score] : scores) sum += score.to(at::kDouble).sum().item<double>();
  return sum;
}

/// Ours, divided by the sum over the network, as Synaptic-Flow does.
GoldenEntry normalised(double tolerance, const std::string& criterion, double epsilon) {
  return {tolerance, [=](const GoldenCase& golden, const std::string&) {
            NamedTensors scores = golden_scores(golden, criterion);
            const double total = std::abs(sum(scores)) + epsilon;
            for (auto& [name, score] : scores) score = score.div(total);
            return scores;
          }};
}

/// Wanda's repository divides the sum of squares by the number of sequences: by one for inputs without tokens.
NamedTensors wanda_by_sequences(const GoldenCase& golden, const std::string&) {
  NamedTensors scores = golden_scores(golden, "wanda");
  const at::Tensor x = golden.tensor("x");
  const double sequences = golden.tensor("out").dim() == 3 ? static_cast<double>(x.size(0)) : 1;
  for (auto& [name, score] : scores) score = score.div(std::sqrt(sequences));
  return scores;
}

NamedTensors input_norms(const GoldenCase& golden, const std::string&) {
  Network network = golden.network();
  std::vector<at::Tensor> norms = input_square_sums(golden.context(network, "wanda"));
  for (at::Tensor& norm : norms) norm = norm.flatten().sqrt();
  return by_parameter(network, norms);
}

auto second_order(std::vector<at::Tensor> (*diagonal)(const CriterionContext& context)) {
  return [diagonal](const GoldenCase& golden, const std::string&) {
    Network network = golden.network();
    return by_parameter(network, diagonal(golden.context(network, "obd_fisher")));
  };
}

/// Per ReLU, whether or not a layer is scored by it.
NamedTensors activations(const GoldenCase& golden, at::Tensor (*f)(const ActivationSums& sums)) {
  Network network = golden.network();
  NamedTensors named;
  for (const auto& [relu, sums] : activation_sums(golden.context(network, "apoz"))) named.emplace_back(relu, f(sums));
  return named;
}
NamedTensors zeros(const GoldenCase& golden, const std::string&) {
  return activations(golden, [](const ActivationSums& sums) {
    return sums.zeros.div(static_cast<double>(sums.count)).to(at::kFloat);
  });
}
NamedTensors means(const GoldenCase& golden, const std::string&) {
  return activations(golden, [](const ActivationSums& sums) { return sums.sum.div(static_cast<double>(sums.count)); });
}

/// One number per output, of scores that all weights of an output share.
NamedTensors per_output(NamedTensors scores) {
  for (auto& [name, score] : scores) score = score.flatten(1).select(1, 0);
  return scores;
}

NamedTensors norm_scales(const GoldenCase& golden, const std::string&) {
  NamedTensors scores = per_output(golden_scores(golden, "bn_scale"));
  const std::vector<PrunableLayer> layers = prunable_layers(golden.model());
  for (auto& [name, score] : scores) {
    for (const PrunableLayer& layer : layers) {
      if (layer.name + ".weight" == name) {
        name = layer.norm + ".weight";
        break;
      }
    }
  }
  return scores;
}

}  // namespace

GoldenTable golden_criteria() {
  const auto of = [](double tolerance, auto compute) { return GoldenEntry{tolerance, compute}; };
  return {
      {"score.magnitude", compared(0, "magnitude")},
      {"score.gradient", compared(1e-5, "gradient")},
      {"score.weight_gradient", compared(1e-5, "weight_gradient")},
      {"score.taylor_fo_squared", compared(2e-5, "taylor")},
      {"score.snip", normalised(1e-5, "snip", 0)},
      {"score.snip_raw", compared(1e-5, "snip")},
      {"score.grasp", normalised(2e-5, "grasp", 1e-10)},
      {"score.synflow", compared(1e-5, "synflow")},
      {"fisher_diag", of(2e-5, second_order(fisher_diagonal))},
      {"score.obd_fisher", compared(2e-5, "obd_fisher")},
      {"hess_diag", of(2e-5, second_order(hessian_diagonal))},
      {"score.obd_hessian", compared(2e-5, "obd_hessian")},
      {"score.wanda", of(1e-5, wanda_by_sequences)},
      {"score.wanda_allrows", compared(1e-5, "wanda")},
      {"act_norm", of(1e-5, input_norms)},
      {"score.apoz", of(0, zeros)},
      {"score.mean_activation", of(1e-5, means)},
      {"score.bn_scale", of(0, norm_scales)},
      {"score.fpgm", of(1e-5, [](const GoldenCase& golden,
                                 const std::string&) { return per_output(golden_scores(golden, "fpgm")); })},
  };
}

}  // namespace espalier
