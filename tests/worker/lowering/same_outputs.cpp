#include "tests/worker/lowering/same_outputs.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "experiments/models/model_description.h"
#include "worker/network/network.h"
#include "worker/torchscript/script_module.h"
#include "worker/torchscript/script_output.h"

namespace espalier {
namespace {

double relative_difference(const at::Tensor& ours, const at::Tensor& theirs) {
  return ours.sub(theirs).abs().max().item<double>() / theirs.abs().max().clamp_min(1e-30).item<double>();
}

/// Modules that draw random numbers evaluate.
void stop_dropping(const torch::jit::Module& module) {
  for (const auto& one : module.named_modules()) {
    const std::string type = one.value.type()->name()->name();
    const bool draws = type.find("Dropout") != std::string::npos || type.find("StochasticDepth") != std::string::npos;
    if (draws && one.value.hasattr("training")) torch::jit::Module(one.value).setattr("training", false);
  }
}

}  // namespace

OutputDifference output_difference(const std::filesystem::path& path, const LoweredModule& lowered,
                                   const std::vector<std::int64_t>& input, std::int64_t classes,
                                   const std::string& output, std::int64_t examples) {
  const at::NoGradGuard no_grad;
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  ModelDescription model{"lowered", {input.at(0), input.at(1), input.at(2)}, classes, lowered.graph};
  Network network(model, at::kCPU);
  network.set_weights(lowered.tensors);
  torch::jit::Module module = torch::jit::load(path.string());
  std::vector<std::int64_t> sizes{examples};
  sizes.insert(sizes.end(), input.begin(), input.end());
  auto generator = at::make_generator<at::CPUGeneratorImpl>(7U);
  const at::Tensor images = at::randn(sizes, generator, at::TensorOptions(at::kFloat));
  OutputDifference difference;
  module.train(false);
  const at::Tensor theirs = choose_output(module.forward({script_input(images, false)}), output).tensor;
  difference.evaluation = relative_difference(network.forward(images), theirs);
  module.train(true);
  stop_dropping(module);
  try {
    const at::Tensor trained = choose_output(module.forward({script_input(images, false)}), output).tensor;
    difference.training = relative_difference(network.forward(images, {.mode = Mode::batch_statistics}), trained);
  } catch (const std::exception& failure) {
    difference.training_trouble = failure.what();
  }
  return difference;
}

}  // namespace espalier
