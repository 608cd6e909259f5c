#include "worker/imports/network_import.h"

#include <exception>
#include <iomanip>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "base/draft_file.h"
#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/some_names.h"
#include "experiments/operators/rebuilt_graph.h"
#include "worker/imports/removal_proof.h"
#include "worker/inspection/script_facts.h"
#include "worker/lowering/lower_script.h"
#include "worker/network/network.h"
#include "worker/torchscript/torch_message.h"
#ifdef ESPALIER_ONNX
#include "worker/onnx/import_onnx.h"
#endif

namespace espalier {
namespace {

constexpr const char* kTorchScriptFormat = "torchscript";

struct Imported {
  StoredNetwork network;
  std::vector<std::string> remarks;
  std::optional<ModuleOutputs> original;  // where another runtime computed them
};

Imported read_network(const NetworkImportRequest& request) {
#ifdef ESPALIER_ONNX
  if (request.format == "onnx") {
    OnnxImport found = import_onnx(request.from, request.output, {request.input.begin(), request.input.end()});
    return {{std::move(found.graph), std::move(found.tensors)}, std::move(found.remarks), std::nullopt};
  }
#endif
  if (request.format == kTorchScriptFormat) {
    LoweredModule found = lower_script(request.from, {request.input.begin(), request.input.end()}, request.classes,
                                       request.output, request.keeps_shape);
    return {{std::move(found.graph), std::move(found.tensors)}, std::move(found.remarks), std::move(found.original)};
  }
  throw Error(ErrorKind::invalid_input, request.from.string() + ": this espalier-worker reads no files of the format " +
                                            request.format + "; build it with libonnx-dev");
}

/// The examples of a dataset are the network's, if in another shape.
void need_examples(const OperatorGraph& graph, const NetworkImportRequest& request) {
  const Dims& dims = graph.value(graph.input()).dims;
  const std::int64_t given = request.input[0] * request.input[1] * request.input[2];
  const std::vector<std::int64_t> image{1, request.input[0], request.input[1], request.input[2]};
  const bool flat = dims.size() == 2 && !request.keeps_shape;
  if (elements(dims) == given && (flat || sizes_of(dims) == image || dims.size() == 3)) return;
  throw Error(ErrorKind::invalid_input, request.from.string() + ": takes examples of " + to_string(dims) +
                                            ", and the dataset has " +
                                            to_string(dims_of({request.input[0], request.input[1], request.input[2]})));
}

at::Tensor random_examples(const NetworkImportRequest& request, std::int64_t count) {
  at::Tensor examples = at::empty({count, request.input[0], request.input[1], request.input[2]});
  RandomStream random(1, "examples", 0);
  float* values = examples.data_ptr<float>();
  for (std::int64_t i = 0; i < examples.numel(); ++i) values[i] = static_cast<float>(random.uniform());
  return examples;
}

/// What a sweep will do with it, once.
void rehearse(Network& network, const NetworkImportRequest& request) {
  constexpr std::int64_t kRehearsed = 3;
  const at::Tensor examples = random_examples(request, kRehearsed);
  const at::Tensor logits = network.forward(examples);
  if (!logits.isfinite().all().item<bool>())
    throw Error(ErrorKind::invalid_input, request.from.string() + ": gives numbers that are not finite");
  const at::Tensor labels = at::zeros({kRehearsed}, at::kLong);
  network.loss_and_gradients(examples, labels, Mode::train);
  if (network.gradients().count_nonzero().item<std::int64_t>() == 0)
    throw Error(ErrorKind::invalid_input, request.from.string() + ": no gradient reaches any parameter");
}

/// The graph computes what the module does.
void need_same_outputs(const Network& network, const ModuleOutputs& original, const std::string& where) {
  constexpr double kTolerance = 1e-5;
  const at::NoGradGuard no_grad;
  const auto compare = [&](const at::Tensor& expected, Mode mode, const char* which) {
    if (!expected.defined()) return;
    const double largest = expected.abs().max().item<double>();
    const at::Tensor given = network.forward(original.examples, {.mode = mode});
    const double difference = given.sub(expected).abs().max().item<double>();
    if (difference <= kTolerance * largest) return;
    std::ostringstream share;
    share << std::setprecision(2) << difference / largest;
    throw Error(ErrorKind::invalid_input, where + ": described by operators, its outputs in " + which +
                                              " mode are others: they differ by " + share.str() + " of the largest");
  };
  compare(original.evaluation, Mode::evaluate, "evaluation");
  compare(original.training, Mode::batch_statistics, "training");
}

/// What it is told by, without the file's name at its beginning.
std::string reason_of(const std::string& message, const std::string& where) {
  return message.starts_with(where + ": ") ? message.substr(where.size() + 2) : message;
}

ModelFile import_graph(const NetworkImportRequest& request) {
  Imported imported = read_network(request);
  name_after_layers(imported.network);
  need_examples(*imported.network.graph, request);
  ModelFile file;
  file.is_graph = true;
  file.graph = imported.network.graph;
  file.remarks = std::move(imported.remarks);
  const ModelDescription model = describe_model({request.from.string(), request.input, request.classes, file});
  file.parameters = count_model(model).parameters;
  if (prunable_layers(model).empty())
    throw Error(ErrorKind::invalid_input, request.from.string() + ": has no weight that could be pruned");
  DraftFile draft(request.to);
  {
    const std::string bytes = to_bytes(imported.network);
    file.content = to_hex(sha256(bytes));
    draft.write(bytes);
  }
  {
    Network network(model, at::kCPU);
    network.set_weights(imported.network.tensors);
    imported.network.tensors.clear();  // a large network would be in memory twice
    if (imported.original) need_same_outputs(network, *imported.original, request.from.string());
    std::vector<std::string> unproven = unproven_scopes(network);
    for (std::string& block : unproven_blocks(network)) unproven.push_back(std::move(block));
    if (!unproven.empty()) {
      throw Error(ErrorKind::invalid_input,
                  request.from.string() + ": without a part of " + some_names(unproven) +
                      " it gives other outputs than with that part at zero; its structure is not understood");
    }
    rehearse(network, request);
  }
  draft.put();
  return file;
}

}  // namespace

void name_after_layers(StoredNetwork& network) {
  const OperatorGraph& graph = *network.graph;
  std::map<std::string, std::string> names;
  for (const Node& node : graph.nodes()) {
    if (!node.op->has(OperatorTrait::layer) && !node.op->has(OperatorTrait::batch_norm)) continue;
    for (const auto& [input, ending] : {std::pair(1, ".weight"), std::pair(2, ".bias")}) {
      const Value* tensor = graph.tensor(node, static_cast<std::size_t>(input));
      const bool is_own = tensor != nullptr && tensor->source == Value::Source::parameter &&
                          graph.readers(node.inputs[static_cast<std::size_t>(input)]).size() == 1;
      if (is_own && tensor->name != node.name + ending) names[tensor->name] = node.name + ending;
    }
  }
  if (names.empty()) return;
  network.graph = std::make_shared<const OperatorGraph>(renamed(graph, names));
  for (auto& [name, tensor] : network.tensors) {
    if (const auto found = names.find(name); found != names.end()) name = found->second;
  }
}

ModelFile import_network(const NetworkImportRequest& request) {
  if (request.format != kTorchScriptFormat) return import_graph(request);
  std::string obstacle;
  try {
    return import_graph(request);
  } catch (const Error& error) {
    obstacle = reason_of(error.what(), request.from.string());
  } catch (const std::exception& failure) {
    obstacle = torch_message(failure.what());
  }
  if (!request.output.empty())
    throw Error(
        ErrorKind::invalid_input,
        request.from.string() + ": cannot be a graph of operators, among whose outputs `output` chooses: " + obstacle);
  // What is no TorchScript file, or fails, is refused here.
  ModelFile file = describe_script(request.from, request.input, request.classes, request.keeps_shape);
  file.obstacle = obstacle;
  return file;
}

void export_network(const NetworkImportRequest& request, const std::string& content,
                    const std::filesystem::path& tensors) {
  LoweredModule lowered = lower_script(request.from, {request.input.begin(), request.input.end()}, request.classes,
                                       request.output, request.keeps_shape);
  StoredNetwork network{lowered.graph, lowered.tensors};
  name_after_layers(network);
  if (to_hex(sha256(to_bytes(network))) != content)
    throw Error(ErrorKind::invalid_input,
                request.from.string() +
                    ": is not the file that this trial's network was made from; if its sweep says "
                    "which output, give the same --output");
  std::map<std::string, std::string> names;  // the module's, by the graph's
  for (std::size_t i = 0; i < network.tensors.size(); ++i) names[lowered.tensors[i].first] = network.tensors[i].first;
  export_script(request.from, tensors, request.to, names);
}

}  // namespace espalier
