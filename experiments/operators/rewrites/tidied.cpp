#include "experiments/operators/rewrites/tidied.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/graph_copy.h"

namespace espalier {
namespace {

/// What an operator reads as its input `place`.
ParameterRole role_of(const Node& node, std::size_t place) {
  constexpr std::array<std::string_view, 5> kNorms{"BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RmsNorm"};
  const std::string_view op = node.op->name();
  const bool norm = std::ranges::find(kNorms, op) != kNorms.end();
  if (place == 1 && node.op->has(OperatorTrait::layer)) return ParameterRole::weight;
  if (place == 1 && norm) return ParameterRole::scale;
  if (place == 1 && op == "Embedding") return ParameterRole::embedding;
  if (place == 2 && (norm || node.op->has(OperatorTrait::layer))) return ParameterRole::bias;
  return ParameterRole::other;
}

}  // namespace

OperatorGraph tidied(const OperatorGraph& graph) {
  const std::vector<bool> read = read_nodes(graph);
  std::vector<std::optional<ParameterRole>> uses(graph.values().size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!read[i]) continue;
    const Node& node = graph.nodes()[i];
    for (std::size_t place = 0; place < node.inputs.size(); ++place) {
      if (node.inputs[place] == kNoValue) continue;
      std::optional<ParameterRole>& use = uses[node.inputs[place]];
      const ParameterRole role = role_of(node, place);
      use = use && *use != role ? ParameterRole::other : role;
    }
  }
  std::vector<ParameterRole> roles;
  for (const auto& use : uses) roles.push_back(use.value_or(ParameterRole::other));
  GraphCopy copy(graph);
  copy.set_roles(std::move(roles));
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i]) copy.copy(graph.nodes()[i]);
  }
  return copy.finish();
}

}  // namespace espalier
