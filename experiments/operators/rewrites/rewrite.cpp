#include "experiments/operators/rewrites/rewrite.h"

#include <cctype>
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
    const auto mark = [&](const std::vector<ValueIndex>& inputs) {
      for (const ValueIndex input : inputs) {
        if (input < read.size()) read[input] = true;
      }
    };
    mark(found == replacements.end() ? node.inputs : found->second.inputs);
    if (found == replacements.end()) continue;
    for (const Replacement& part : found->second.parts) mark(part.inputs);
  }
  return read;
}

/// NAME.op, with a number where that is taken.
std::string name_of_part(std::string name, std::string_view op, std::set<std::string>& names) {
  name += '.';
  for (const char letter : op) name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  std::string numbered = name;
  for (int number = 2; !names.insert(numbered).second; ++number) numbered = name + "_" + std::to_string(number);
  return numbered;
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
    std::vector<ValueIndex> parts;
    const auto add = [&](const Replacement& one, const std::string& name) {
      std::vector<ValueIndex> inputs;
      for (const ValueIndex input : one.inputs) {
        const std::size_t part = kNoValue - 1 - input;
        inputs.push_back(input != kNoValue && part < parts.size() ? parts[part] : copy.at(input));
      }
      return copy.builder().add(one.op, name, std::move(inputs), one.attributes);
    };
    std::string around = replacement.name;
    for (const Replacement& part : replacement.parts) around = around.empty() ? part.name : around;
    if (around.empty()) around = node.name;
    for (const Replacement& part : replacement.parts) {
      const bool named = !part.name.empty() && names.insert(part.name).second;
      parts.push_back(add(part, named ? part.name : name_of_part(around, part.op, names)));
    }
    // A name that another node has already stays its own.
    const bool renamed = !replacement.name.empty() && names.insert(replacement.name).second;
    copy.replace(node.output, add(replacement, renamed ? replacement.name : node.name));
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
