#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "experiments/pruning/allocations/allocations.h"
#include "tests/worker/golden/golden_case.h"
#include "worker/criteria/loss_derivatives.h"

// What passes through heads and blocks.

namespace espalier {
namespace {

class Heads : public ForwardObserver {
 public:
  std::vector<at::Tensor> outputs;
  void on_heads(const std::string&, const at::Tensor& output) override { outputs.push_back(output); }
};

/// Per attention: sum over the dimensions of a head of A dL/dA, [N, tokens, heads], L the sum of the sequences' losses.
/// A factor on a head's output has the sum over tokens as its derivative (Michel et al. 2019, arXiv:1905.10650).
std::vector<at::Tensor> head_derivatives(const GoldenCase& golden) {
  const Network network = golden.network();
  const Batch batch = golden.batch();
  Heads heads;
  const at::AutoGradMode with_grad(true);
  const at::Tensor losses =
      network.task().example_losses(network.forward(batch.inputs, {Mode::evaluate, &heads}), batch.labels);
  const std::vector<at::Tensor> gradients = torch::autograd::grad({losses.sum()}, heads.outputs);
  std::vector<at::Tensor> products;
  for (std::size_t i = 0; i < gradients.size(); ++i)
    products.push_back(gradients[i].mul(heads.outputs[i].detach()).sum(3));
  return products;
}

NamedTensors heads(const GoldenCase& golden, at::Tensor (*reduce)(const at::Tensor& products)) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& products : head_derivatives(golden)) rows.push_back(reduce(products));
  return {{"", at::stack(rows)}};
}
GoldenEntry heads(at::Tensor (*reduce)(const at::Tensor& products)) {
  return {1e-5, [reduce](const GoldenCase& golden, const std::string&) { return heads(golden, reduce); }};
}

class Blocks : public ForwardObserver {
 public:
  std::vector<at::Tensor> cosines;
  void on_block(const std::string&, const at::Tensor& input, const at::Tensor& output) override {
    cosines.push_back(at::cosine_similarity(input.to(at::kDouble), output.to(at::kDouble), -1));
  }
};
GoldenEntry blocks(at::Tensor (*influence)(const at::Tensor& cosines)) {
  return {1e-5, [influence](const GoldenCase& golden, const std::string&) {
            const at::NoGradGuard no_grad;
            Blocks seen;
            golden.network().forward(golden.batch().inputs, {Mode::evaluate, &seen});
            std::vector<at::Tensor> means;
            for (const at::Tensor& cosines : seen.cosines) means.push_back(influence(cosines).mean());
            return NamedTensors{{"", at::stack(means)}};
          }};
}

/// Of the layers, given how many weights stay of `count` and what a density becomes.
at::Tensor erk(const GoldenCase& golden, double (*kept_of)(double count, double sparsity), double sparsity,
               double (*settled)(double density, double count)) {
  std::vector<AllocationScope> scopes;
  double kept = 0;
  for (const std::string& name : golden.meta.at("prunable").get<std::vector<std::string>>()) {
    const at::Tensor& weight = golden.tensor("param." + name);
    scopes.push_back({name, weight.numel(), weight.sizes().vec()});
    kept += kept_of(static_cast<double>(weight.numel()), sparsity);
  }
  std::vector<double> densities = find_allocation("erk").densities(scopes, kept);
  for (std::size_t i = 0; i < scopes.size(); ++i)
    densities[i] = settled(densities[i], static_cast<double>(scopes[i].units));
  return at::tensor(densities, at::kDouble);
}

/// JaxPruner's budget: what floor(s n) of each layer leaves.
NamedTensors erk_densities(const GoldenCase& golden, const std::string& sparsity) {
  const auto kept = [](double count, double fraction) { return count - std::floor(fraction * count); };
  return {{"", erk(golden, kept, std::stod(sparsity), [](double density, double) { return density; })}};
}

/// LAMP's authors' budget: (1 - s) n in all; then each layer keeps whole weights.
NamedTensors erk_densities_in_whole_weights(const GoldenCase& golden, const std::string& sparsity) {
  const auto kept = [](double count, double fraction) { return (1 - fraction) * count; };
  const auto whole = [](double density, double count) { return std::nearbyint(density * count) / count; };
  return {{"", erk(golden, kept, std::stod(sparsity), whole)}};
}

}  // namespace

GoldenTable golden_structures() {
  const auto sequence = [](const at::Tensor& products) { return products.sum(1).abs().mean(0); };
  const GoldenEntry importance = heads(sequence);
  return {
      {"score.head_importance", importance},
      {"check.head_importance_direct", importance},
      {"score.head_importance_batchgrad", heads([](const at::Tensor& products) {
         return products.sum(1).sum(0).div(static_cast<double>(products.size(0))).abs();
       })},
      {"score.head_importance_layernormed", heads([](const at::Tensor& products) {
         const at::Tensor scores = products.sum(1).abs().mean(0);
         return scores.div(scores.square().sum().sqrt());
       })},
      {"score.head_importance_perposition",
       heads([](const at::Tensor& products) { return products.abs().sum(1).mean(0); })},
      {"score.block_influence", blocks([](const at::Tensor& cosines) { return cosines.neg().add(1); })},
      {"score.block_influence_angular",
       blocks([](const at::Tensor& cosines) { return cosines.clamp(-1, 1).acos().div(std::acos(-1.0)); })},
      {"erk.densities", {1e-9, erk_densities}},
      {"erk.lamp_repo_densities", {1e-6, erk_densities_in_whole_weights}},
  };
}

}  // namespace espalier
