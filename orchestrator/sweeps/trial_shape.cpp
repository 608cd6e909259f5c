#include "orchestrator/sweeps/trial_shape.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/pruning/coupled_scopes.h"
#include "orchestrator/sweeps/finished_network.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

/// Outputs, inputs and weights of a layer; none of one that left with its block.
std::array<std::int64_t, 3> sizes_of_layer(const OperatorGraph& graph, const std::string& layer) {
  if (std::ranges::find(graph.nodes(), layer, &Node::name) == graph.nodes().end()) return {};
  const Node& node = layer_node(graph, layer);
  const Dims& weight = graph.dims(node, 1);
  const std::int64_t groups = node.attributes.contains("groups") ? node.integer("groups") : 1;
  const bool transposed = node.op->has(OperatorTrait::transposed);
  const std::int64_t outputs = transposed ? weight[1].size * groups : weight[0].size;
  const std::int64_t inputs = transposed ? weight[0].size : weight[1].size * groups;
  return {outputs, inputs, elements(weight)};
}

std::string factor(const Json& pair) {
  const double before = pair[0].get<double>(), after = pair[1].get<double>();
  return fmt::format("{} -> {} ({:.2f}x)", pair[0].dump(), pair[1].dump(), after > 0 ? before / after : 0.0);
}

}  // namespace

Json trial_shape(const std::filesystem::path& store, const std::string& trial) {
  const FinishedNetwork finished = read_finished_network(store, trial);
  const TrialNetwork& network = finished.trial;
  if (finished.masks.empty())
    throw Error(ErrorKind::invalid_input, "trial " + network.trial.substr(0, 12) + " is dense; nothing was removed");
  const ModelDescription model = graph_model_of(store, network, "`espalier layers SWEEP` shows its densities");
  ModelDescription small = model;
  small.graph = std::make_shared<const OperatorGraph>(shrunk_by(*model.graph, finished.masks).graph);
  Json layers = Json::array(), alone = Json::array();
  for (const PrunableLayer& layer : prunable_layers(model)) {
    const auto before = sizes_of_layer(*model.graph, layer.name), after = sizes_of_layer(*small.graph, layer.name);
    layers.push_back({{"name", layer.name},
                      {"in", {before[1], after[1]}},
                      {"out", {before[0], after[0]}},
                      {"weights", {before[2], after[2]}}});
  }
  for (const LeftAlone& one : left_alone(*model.graph)) alone.push_back({{"layer", one.layer}, {"reason", one.reason}});
  const ModelCounts before = count_model(model), after = count_model(small);
  return {{"trial", network.trial},
          {"model", network.model},
          {"layers", layers},
          {"parameters", {before.parameters, after.parameters}},
          {"madds", {before.madds, after.madds}},
          {"left_alone", alone}};
}

std::string shape_table(const Json& shape) {
  std::string text =
      fmt::format("{} without the channels, heads and blocks that trial {} removed\n\n",
                  shape.at("model").get<std::string>(), shape.at("trial").get<std::string>().substr(0, 12));
  std::size_t width = 5;
  for (const Json& layer : shape.at("layers")) width = std::max(width, layer.at("name").get<std::string>().size());
  for (const Json& layer : shape.at("layers")) {
    const auto arrow = [&](const char* key) {
      return fmt::format("{} -> {} {}", layer.at(key)[0].dump(), layer.at(key)[1].dump(), key);
    };
    text += fmt::format("  {:<{}}  {:<18}  {:<18}  {} weights\n", layer.at("name").get<std::string>(), width,
                        arrow("in"), arrow("out"), layer.at("weights")[1].dump());
  }
  text += fmt::format("\nparameters {}, multiply-adds {}\n", factor(shape.at("parameters")), factor(shape.at("madds")));
  if (!shape.at("left_alone").empty()) text += "left alone:\n";
  for (const Json& one : shape.at("left_alone"))
    text += fmt::format("  {}: {}\n", one.at("layer").get<std::string>(), one.at("reason").get<std::string>());
  return text;
}

}  // namespace espalier
