#include "worker/inspection/script_facts.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "base/files.h"
#include "base/some_names.h"
#include "experiments/models/model_description.h"
#include "experiments/paths/output_file.h"
#include "worker/inspection/script_rehearsal.h"
#include "worker/network/named_tensors.h"
#include "worker/torchscript/script_module.h"
#include "worker/torchscript/script_remarks.h"

namespace espalier {
namespace {

using TensorKind = ScriptTensor::Kind;

constexpr std::int64_t kExamples = 2;  // one more than one, so that the dimension of the batch is seen
constexpr std::uintmax_t kLargestTensors = std::uintmax_t{64} << 30;

ModelFile layers_of(const ScriptModule& module) {
  ModelFile facts;
  facts.content = module.content();
  std::vector<std::string> names;
  for (const ScriptTensor& one : module.tensors()) {
    names.push_back(one.name);
    if (one.kind != TensorKind::buffer) facts.parameters += one.tensor.numel();
    if (one.kind != TensorKind::weight) continue;
    ModelFile::Layer& layer = facts.layers.emplace_back();
    layer.name = one.name.substr(0, one.name.rfind('.'));
    layer.shape = one.tensor.sizes().vec();
  }
  for (ModelFile::Layer& layer : facts.layers)
    layer.bias = std::find(names.begin(), names.end(), layer.name + ".bias") != names.end();
  return facts;
}

/// Trains it, too, and adds what was seen.
void rehearse(const std::filesystem::path& path, const std::array<std::int64_t, 3>& input, std::int64_t classes,
              ModelFile& facts) {
  ModelDescription model = describe_model({"torchscript", input, classes, facts});
  model.file_path = path.string();
  const ScriptRehearsal seen = rehearse_script(model);
  if (!seen.untrained.empty())
    facts.remarks.push_back("no gradient reaches " + some_names(seen.untrained) + ": pruned, and never trained");
  if (!seen.lone_evaluation.empty()) {
    facts.remarks.push_back(
        "takes no batch of one example in evaluation mode, which criteria that look at examples one by one give it, "
        "and "
        "data of which one is left over: " +
        seen.lone_evaluation);
  }
  facts.batch_norm = seen.batch_norm;
  facts.lone_example = seen.lone_training;
}

}  // namespace

ModelFile describe_script(const std::filesystem::path& path, const std::array<std::int64_t, 3>& input,
                          std::int64_t classes, bool keeps_shape) {
  const at::NoGradGuard no_grad;
  ScriptModule module(path, at::kCPU);
  if (keeps_shape) module.keep_shape();
  ModelFile facts = layers_of(module);
  facts.keeps_shape = keeps_shape;
  ModelFile::Layer* last = nullptr;
  const LayerUse count = [&](const std::string& name, const at::Tensor&, const std::optional<at::Tensor>& output) {
    const auto layer = std::find_if(facts.layers.begin(), facts.layers.end(),
                                    [&](const ModelFile::Layer& one) { return one.name == name; });
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
  require_logits(output, kExamples, classes, false, path.string());
  if (last != nullptr) last->is_output = true;
  facts.remarks = remarks_on(module);
  rehearse(path, input, classes, facts);
  return facts;
}

void export_script(const std::filesystem::path& path, const std::filesystem::path& tensors,
                   const std::filesystem::path& to, const std::map<std::string, std::string>& names) {
  const at::NoGradGuard no_grad;
  ScriptModule module(path, at::kCPU);
  const std::string bytes = read_file(tensors, kLargestTensors);
  const NamedTensors values = from_file(parse_safetensors(bytes, tensors.string()), at::kCPU);
  if (names.empty() && values.size() != module.tensors().size()) {
    throw Error(ErrorKind::invalid_input, tensors.string() + ": holds " + std::to_string(values.size()) +
                                              " tensors, but the module " + std::to_string(module.tensors().size()));
  }
  for (const ScriptTensor& one : module.tensors()) {
    const auto named = names.find(one.name);
    if (!names.empty() && (named == names.end() || !one.tensor.is_floating_point())) continue;
    one.tensor.copy_(tensor_like(values, names.empty() ? one.name : named->second, one.tensor));
  }
  OutputFile output(to);
  module.save(output.path());
  output.put();
}

}  // namespace espalier
