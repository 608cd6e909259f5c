#include "worker/script_facts.h"

#include <algorithm>
#include <string>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "base/files.h"
#include "experiments/output_file.h"
#include "worker/named_tensors.h"
#include "worker/script_module.h"

namespace espalier {
namespace {

using TensorKind = ScriptTensor::Kind;

constexpr std::int64_t kExamples = 2;  // one more than one, so that the dimension of the batch is seen
constexpr std::uintmax_t kLargestTensors = std::uintmax_t{64} << 30;

std::string shape_text(c10::IntArrayRef shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "no dimensions" : text;
}

ScriptModel layers_of(const ScriptModule& module) {
  ScriptModel facts;
  facts.content = module.content();
  std::vector<std::string> names;
  for (const ScriptTensor& one : module.tensors()) {
    names.push_back(one.name);
    if (one.kind != TensorKind::buffer) facts.parameters += one.tensor.numel();
    if (one.kind != TensorKind::weight) continue;
    ScriptModel::Layer& layer = facts.layers.emplace_back();
    layer.name = one.name.substr(0, one.name.rfind('.'));
    layer.shape = one.tensor.sizes().vec();
  }
  for (ScriptModel::Layer& layer : facts.layers)
    layer.bias = std::find(names.begin(), names.end(), layer.name + ".bias") != names.end();
  return facts;
}

void check_output(const at::Tensor& output, const std::string& where, std::int64_t classes) {
  if (output.dim() == 2 && output.size(0) == kExamples && output.size(1) == classes) return;
  throw Error(ErrorKind::invalid_input, where + ": gives an output of " + shape_text(output.sizes()) + " for " +
                                            std::to_string(kExamples) + " examples; expected " +
                                            std::to_string(kExamples) + "x" + std::to_string(classes) +
                                            ", a number for each class of the dataset");
}

}  // namespace

ScriptModel describe_script(const std::filesystem::path& path, const std::array<std::int64_t, 3>& input,
                            std::int64_t classes, bool keeps_shape) {
  const at::NoGradGuard no_grad;
  ScriptModule module(path, at::kCPU);
  if (keeps_shape) module.keep_shape();
  ScriptModel facts = layers_of(module);
  facts.keeps_shape = keeps_shape;
  ScriptModel::Layer* last = nullptr;
  const LayerUse count = [&](const std::string& name, const at::Tensor&, const std::optional<at::Tensor>& output) {
    const auto layer = std::find_if(facts.layers.begin(), facts.layers.end(),
                                    [&](const ScriptModel::Layer& one) { return one.name == name; });
    if (layer == facts.layers.end() || !output) return;
    std::int64_t weights = 1;
    for (const std::int64_t size : layer->shape) weights *= size;
    layer->madds += weights * (output->numel() / (kExamples * layer->shape[0]));
    last = output->numel() == kExamples * classes && layer->shape[0] == classes ? &*layer : nullptr;
  };
  const at::Tensor zeros = at::zeros({kExamples, input[0], input[1], input[2]}, at::kFloat);
  at::Tensor output;
  try {
    output = module.forward(zeros, false, &count);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    throw Error(error.kind(), std::string(error.what()) + " (it was given " +
                                  shape_text(script_input(zeros, keeps_shape).sizes()) + ", the dataset's examples)");
  }
  check_output(output, path.string(), classes);
  if (last != nullptr) last->is_output = true;
  return facts;
}

void export_script(const std::filesystem::path& path, const std::filesystem::path& tensors,
                   const std::filesystem::path& to) {
  const at::NoGradGuard no_grad;
  ScriptModule module(path, at::kCPU);
  const std::string bytes = read_file(tensors, kLargestTensors);
  const NamedTensors values = from_file(parse_safetensors(bytes, tensors.string()), at::kCPU);
  if (values.size() != module.tensors().size()) {
    throw Error(ErrorKind::invalid_input, tensors.string() + ": holds " + std::to_string(values.size()) +
                                              " tensors, but the module " + std::to_string(module.tensors().size()));
  }
  for (const ScriptTensor& one : module.tensors()) one.tensor.copy_(tensor_like(values, one.name, one.tensor));
  OutputFile output(to);
  module.save(output.path());
  output.put();
}

}  // namespace espalier
