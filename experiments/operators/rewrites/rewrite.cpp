#include "experiments/operators/rewrites/rewrite.h"

#include <map>
#include <set>
#include <utility>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/graph_copy.h"
#include "experiments/operators/rewrites/tidied.h"

namespace espalier {
namespace {

std::optional<Replacement> recognize(const OperatorGraph& graph, const Node& node) {
#define ESPALIER_REWRITE(name) \
  if (std::optional<Replacement> found = rewrite_##name(graph, node)) return found;
#include "experiments/operators/rewrites/rewrites.def"
#undef ESPALIER_REWRITE
  return std::nullopt;
}

using Replacements = std::map<std::size_t, Replacement>;  // by place of the node replaced

/// By ValueIndex: whether the output depends on it once all is replaced.
std::vector<bool> still_read(const OperatorGraph& graph, const Replacements& replacements) {
  std::vector<bool> read(graph.values().size(), false);
  read[graph.output()] = true;
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    if (!read[node.output]) continue;
    const auto found = replacements.find(i);
    for (const ValueIndex input : found == replacements.end() ? node.inputs : found->second.inputs) {
      if (input != kNoValue) read[input] = true;
    }
  }
  return read;
}

OperatorGraph replaced(const OperatorGraph& graph, const Replacements& replacements) {
  const std::vector<bool> read = still_read(graph, replacements);
  std::set<std::string> names;
  for (ValueIndex i = 0; i < read.size(); ++i) {
    if (read[i]) names.insert(graph.value(i).name);
  }
  GraphCopy copy(graph);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!read[node.output]) continue;
    const auto found = replacements.find(i);
    if (found == replacements.end()) {
      copy.copy(node);
      continue;
    }
    const Replacement& replacement = found->second;
    std::vector<ValueIndex> inputs;
    for (const ValueIndex input : replacement.inputs) inputs.push_back(copy.at(input));
    // A name that another node has already stays its own.
    const bool renamed = !replacement.name.empty() && names.insert(replacement.name).second;
    copy.replace(node.output, copy.builder().add(replacement.op, renamed ? replacement.name : node.name,
                                                 std::move(inputs), replacement.attributes));
  }
  return copy.finish();
}

}  // namespace

OperatorGraph rewritten(const OperatorGraph& graph) {
  OperatorGraph result = tidied(graph);
  for (;;) {
    Replacements replacements;
    for (std::size_t i = 0; i < result.nodes().size(); ++i) {
      if (auto found = recognize(result, result.nodes()[i])) replacements.emplace(i, *std::move(found));
    }
    if (replacements.empty()) return result;
    result = tidied(replaced(result, replacements));
  }
}

}  // namespace espalier
