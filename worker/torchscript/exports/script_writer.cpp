#include "worker/torchscript/exports/script_writer.h"

#include "worker/torchscript/exports/script_literals.h"

namespace espalier {

ScriptWriter::ScriptWriter(const OperatorGraph& graph, const std::function<std::string(ValueIndex)>& tensor)
    : graph_(graph) {
  for (ValueIndex i = 0; i < graph.values().size(); ++i) {
    const Value::Source source = graph.value(i).source;
    const bool is_tensor = source == Value::Source::parameter || source == Value::Source::buffer;
    names_.push_back(is_tensor ? tensor(i) : source == Value::Source::input ? "input" : "");
  }
}

std::string ScriptWriter::input(const Node& node, std::size_t place) const {
  return graph_.has_input(node, place) ? names_[node.inputs[place]] : "None";
}

std::string ScriptWriter::let(const std::string& name, const std::string& expression) {
  // Nodes have names such as "0" or "input": with the prefix each is a name, and none is another's.
  const std::string wanted = "x_" + script_identifier(name);
  std::string taken = wanted;
  for (int i = 2; !taken_.insert(taken).second; ++i) taken = wanted + "_" + std::to_string(i);
  lines_ += "  " + taken + " = " + expression + "\n";
  return taken;
}

void ScriptWriter::put(const Node& node, const std::string& expression) {
  names_[node.output] = let(node.name, expression);
}

std::string ScriptWriter::code() const {
  return "def forward(self, input):\n" + lines_ + "  return " + names_[graph_.output()] + "\n";
}

}  // namespace espalier
