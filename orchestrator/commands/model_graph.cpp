#include "orchestrator/commands/model_graph.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/pruning/coupled_scopes.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

std::int64_t parameters_of(const OperatorGraph& graph, const Node& node) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Value* tensor = graph.tensor(node, i);
    if (tensor != nullptr && tensor->source == Value::Source::parameter) count += elements(tensor->dims);
  }
  return count;
}

/// The computed values that a node reads.
std::vector<std::string> inputs_of(const OperatorGraph& graph, const Node& node) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (graph.has_input(node, i) && graph.tensor(node, i) == nullptr) names.push_back(graph.value(node.inputs[i]).name);
  return names;
}

void add_units(Json& units, const char* granularity, const std::vector<PruneScope>& scopes) {
  for (const PruneScope& scope : scopes) {
    std::vector<std::string> layers;
    for (const ScopeMember& member : scope.members)
      if (!member.reads() && std::ranges::find(layers, member.layer) == layers.end()) layers.push_back(member.layer);
    units.push_back(
        {{"granularity", granularity}, {"name", scope.name}, {"units", scope.units}, {"layers", std::move(layers)}});
  }
}

std::string joined(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

/// As wide as its longest entry.
std::size_t width_of(const Json& rows, const char* column) {
  std::size_t width = std::string_view(column).size();
  for (const Json& row : rows) {
    const Json& value = row.at(column);
    width = std::max(width, value.is_string() ? value.get_ref<const std::string&>().size() : value.dump().size());
  }
  return width;
}

}  // namespace

Json graph_facts(const ModelDescription& model) {
  const OperatorGraph& graph = *model.graph;
  Json nodes = Json::array(), units = Json::array(), alone = Json::array();
  for (const Node& node : graph.nodes()) {
    const Madds madds = node.op->madds(graph, node);
    nodes.push_back({{"name", node.name},
                     {"op", node.op->name()},
                     {"inputs", inputs_of(graph, node)},
                     {"shape", to_string(graph.value(node.output).dims)},
                     {"parameters", parameters_of(graph, node)},
                     {"madds", madds.layer},
                     {"products", madds.products}});
  }
  add_units(units, "channel", channel_scopes(graph));
  add_units(units, "head", head_scopes(graph));
  for (const PruneScope& scope : block_scopes(graph))
    units.push_back({{"granularity", "layer"}, {"name", scope.name}, {"units", scope.units}, {"layers", scope.blocks}});
  for (const LeftAlone& one : left_alone(graph)) alone.push_back({{"layer", one.layer}, {"reason", one.reason}});
  return {{"nodes", nodes}, {"units", units}, {"left_alone", alone}};
}

std::string graph_table(const Json& facts) {
  const Json& nodes = facts.at("nodes");
  const std::size_t name = width_of(nodes, "name"), op = width_of(nodes, "op"), shape = width_of(nodes, "shape");
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>10}  {:>13}  {:>9}  inputs\n", "node", name, "op", op,
                                 "shape", shape, "parameters", "multiply-adds", "products");
  const auto count = [](const Json& number) { return number == 0 ? std::string("-") : number.dump(); };
  for (const Json& node : nodes) {
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>10}  {:>13}  {:>9}  {}\n", node.at("name").get<std::string>(), name,
                        node.at("op").get<std::string>(), op, node.at("shape").get<std::string>(), shape,
                        count(node.at("parameters")), count(node.at("madds")), count(node.at("products")),
                        joined(node.at("inputs")));
  }
  text += "\nWhat could be removed:\n";
  for (const Json& unit : facts.at("units")) {
    const std::int64_t units = unit.at("units");
    text += fmt::format("  {} {}{} of {}\n", units, unit.at("granularity").get<std::string>(), units == 1 ? "" : "s",
                        joined(unit.at("layers")));
  }
  if (facts.at("units").empty()) text += "  single weights, rows and filters only\n";
  if (!facts.at("left_alone").empty()) text += "\nLeft alone:\n";
  for (const Json& one : facts.at("left_alone"))
    text += fmt::format("  {}: {}\n", one.at("layer").get<std::string>(), one.at("reason").get<std::string>());
  return text;
}

std::string graph_as_dot(const OperatorGraph& graph) {
  const auto quoted = [](const std::string& text) { return Json(text).dump(); };
  std::string text = "digraph model {\n  node [shape=box, fontname=\"sans-serif\"];\n";
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const std::string shape = to_string(graph.value(node.output).dims);
    text +=
        fmt::format("  n{} [label={}];\n", i, quoted(node.name + "\n" + std::string(node.op->name()) + " " + shape));
    for (std::size_t input = 0; input < node.inputs.size(); ++input) {
      if (!graph.has_input(node, input) || graph.tensor(node, input) != nullptr) continue;
      const std::size_t maker = graph.maker(node.inputs[input]);
      text +=
          maker < graph.nodes().size() ? fmt::format("  n{} -> n{};\n", maker, i) : fmt::format("  input -> n{};\n", i);
    }
  }
  return text + "}\n";
}

}  // namespace espalier
