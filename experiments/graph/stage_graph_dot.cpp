#include "experiments/graph/stage_graph_dot.h"

#include <fmt/format.h>

namespace espalier {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result.push_back('\\');
    result.push_back(c);
  }
  return result + "\"";
}

}  // namespace

std::string stage_graph_as_dot(const StageGraph& graph, const std::vector<bool>& done) {
  std::string text =
      "digraph plan {\n  rankdir=LR;\n  node [shape=box, style=filled, fillcolor=white, fontname=\"sans-serif\"];\n";
  for (StageIndex i = 0; i < graph.stages.size(); ++i) {
    const Stage& stage = graph.stages[i];
    text += fmt::format("  s{} [label={}{}];\n", i, quoted(stage.label + "\n" + to_hex(stage.key).substr(0, 12)),
                        done[i] ? ", fillcolor=palegreen" : "");
    for (const StageInput& input : stage.inputs)
      text += fmt::format("  s{} -> s{} [label={}];\n", input.stage, i, to_string(input.role));
    if (stage.resume_from) text += fmt::format("  s{} -> s{} [style=dashed, label=resume];\n", *stage.resume_from, i);
  }
  return text + "}\n";
}

}  // namespace espalier
