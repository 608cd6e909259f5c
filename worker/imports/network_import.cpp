#include "worker/imports/network_import.h"

#include <algorithm>
#include <map>
#include <memory>
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
#include "experiments/operators/rebuilt_graph.h"
#include "worker/imports/block_proof.h"
#include "worker/imports/removal_proof.h"
#include "worker/lowering/lower_script.h"
#include "worker/network/network.h"
#ifdef ESPALIER_ONNX
#include "worker/onnx/import_onnx.h"
#endif

namespace espalier {
namespace {

struct Imported {
  StoredNetwork network;
  std::vector<std::string> remarks;
};

Imported read_network(const NetworkImportRequest& request) {
#ifdef ESPALIER_ONNX
  if (request.format == "onnx") {
    OnnxImport found = import_onnx(request.from, request.output, {request.input.begin(), request.input.end()});
    return {{std::move(found.graph), std::move(found.tensors)}, std::move(found.remarks)};
  }
#endif
  if (request.format == "torchscript") {
    LoweredModule found = lower_script(request.from, {request.input.begin(), request.input.end()}, request.classes,
                                       request.output, request.keeps_shape);
    return {{std::move(found.graph), std::move(found.tensors)}, std::move(found.remarks)};
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

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kMost ? text + " and " + std::to_string(names.size() - kMost) + " more" : text;
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
    std::vector<std::string> unproven = unproven_scopes(network);
    for (std::string& block : unproven_blocks(network)) unproven.push_back(std::move(block));
    if (!unproven.empty()) {
      throw Error(ErrorKind::invalid_input,
                  request.from.string() + ": without a part of " + listed(unproven) +
                      " it gives other outputs than with that part at zero; its structure is not understood");
    }
    rehearse(network, request);
  }
  draft.put();
  return file;
}

}  // namespace espalier
