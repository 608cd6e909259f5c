#include "experiments/pruning/scope_structure.h"

#include <map>
#include <string_view>

#include "experiments/operators/operator.h"

namespace espalier {
namespace {

using MemberPart = ScopeMember::Part;

std::string_view part_word(MemberPart part) {
  switch (part) {
    case MemberPart::outputs:
      return "outputs";
    case MemberPart::inputs:
      return "inputs";
    case MemberPart::grouped_inputs:
      return "inputs of groups";
    case MemberPart::norm:
      return "norm";
    case MemberPart::tensor:
      return "tensor";
    case MemberPart::whole:
      break;
  }
  return "whole";
}

/// The nodes by what scopes call them: layers and norms by their names, others by the parameter that they read.
std::map<std::string_view, const Node*> nodes_by_member(const OperatorGraph& graph) {
  std::map<std::string_view, const Node*> nodes;
  for (const Node& node : graph.nodes()) nodes.emplace(node.name, &node);
  for (ValueIndex value = 0; value < graph.values().size(); ++value) {
    if (graph.value(value).source != Value::Source::parameter || graph.readers(value).empty()) continue;
    nodes.emplace(graph.value(value).name, &graph.nodes()[graph.readers(value)[0]]);
  }
  return nodes;
}

std::string word_of(const OperatorGraph& graph, const Node& node) {
  std::string word(node.op->name());
  if (!node.op->has(OperatorTrait::layer)) return word;
  word += std::to_string(graph.dims(node, 1).size());
  if (!node.attributes.contains("groups") || node.integer("groups") == 1) return word;
  return word + (graph.dims(node, 0)[1].size == node.integer("groups") ? " depthwise" : " in groups");
}

}  // namespace

std::vector<std::string> structures_of(const OperatorGraph& graph, const std::vector<PruneScope>& scopes) {
  const auto nodes = nodes_by_member(graph);
  std::vector<std::string> structures;
  for (const PruneScope& scope : scopes) {
    std::string& structure = structures.emplace_back();
    for (const ScopeMember& member : scope.members) {
      const auto node = nodes.find(member.layer);
      if (!structure.empty()) structure += ", ";
      if (node != nodes.end()) structure += word_of(graph, *node->second) + " ";
      structure += part_word(member.part);
      structure += " " + std::to_string(member.dimension);
    }
  }
  return structures;
}

}  // namespace espalier
