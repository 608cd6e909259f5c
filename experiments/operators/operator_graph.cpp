#include "experiments/operators/operator_graph.h"

#include <array>
#include <charconv>
#include <sstream>

#include "base/error.h"
#include "experiments/operators/operator.h"

namespace espalier {
namespace {

template <typename Kind>
const Kind& attribute_of(const Node& node, const std::string& attribute) {
  const auto found = node.attributes.find(attribute);
  const Kind* value = found == node.attributes.end() ? nullptr : std::get_if<Kind>(&found->second);
  if (value != nullptr) return *value;
  throw Error(ErrorKind::internal, "operator " + node.name + " has no attribute " + attribute + " of the kind asked");
}

void write(std::ostream& out, const Attribute& attribute) {
  struct Writer {
    std::ostream& out;
    void operator()(std::int64_t value) const { out << value; }
    void operator()(double value) const {
      std::array<char, 32> text{};  // the shortest that reads as the same number
      const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
      const std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
      out << digits << (digits.find_first_not_of("-0123456789") == std::string_view::npos ? ".0" : "");
    }
    void operator()(const std::vector<std::int64_t>& values) const {
      out << '[';
      for (std::size_t i = 0; i < values.size(); ++i) out << (i > 0 ? " " : "") << values[i];
      out << ']';
    }
    void operator()(const std::string& word) const { out << word; }
  };
  std::visit(Writer{out}, attribute);
}

}  // namespace

const char* to_string(ParameterRole role) {
  switch (role) {
    case ParameterRole::weight:
      return "weight";
    case ParameterRole::bias:
      return "bias";
    case ParameterRole::scale:
      return "scale";
    case ParameterRole::embedding:
      return "embedding";
    case ParameterRole::other:
      return "other";
  }
  return "";
}

std::int64_t Node::integer(const std::string& attribute) const {
  return attribute_of<std::int64_t>(*this, attribute);
}
double Node::number(const std::string& attribute) const {
  return attribute_of<double>(*this, attribute);
}
const std::vector<std::int64_t>& Node::integers(const std::string& attribute) const {
  return attribute_of<std::vector<std::int64_t>>(*this, attribute);
}
const std::string& Node::word(const std::string& attribute) const {
  return attribute_of<std::string>(*this, attribute);
}

const Dims& OperatorGraph::dims(const Node& node, std::size_t input) const {
  static const Dims kNone;
  return has_input(node, input) ? values_[node.inputs[input]].dims : kNone;
}

bool OperatorGraph::has_input(const Node& node, std::size_t input) const {
  return input < node.inputs.size() && node.inputs[input] != kNoValue;
}

const Value* OperatorGraph::tensor(const Node& node, std::size_t input) const {
  if (!has_input(node, input)) return nullptr;
  const Value& value = values_[node.inputs[input]];
  const bool kept = value.source == Value::Source::parameter || value.source == Value::Source::buffer;
  return kept ? &value : nullptr;
}

std::string OperatorGraph::text() const {
  std::ostringstream out;
  const auto list = [&](Value::Source source, const auto& kind) {
    for (const Value& value : values_)
      if (value.source == source) out << kind(value) << ' ' << value.name << ' ' << to_string(value.dims) << '\n';
  };
  list(Value::Source::input, [](const Value&) { return "input"; });
  list(Value::Source::parameter, [](const Value& value) { return to_string(value.role); });
  list(Value::Source::buffer, [](const Value&) { return "buffer"; });
  for (const Node& node : nodes_) {
    out << node.name << " = " << node.op->name() << '(';
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      out << (i > 0 ? ", " : "") << (node.inputs[i] == kNoValue ? "-" : values_[node.inputs[i]].name);
    out << ')';
    for (const auto& [name, attribute] : node.attributes) {
      out << ' ' << name << '=';
      write(out, attribute);
    }
    out << " -> " << to_string(values_[node.output].dims) << '\n';
  }
  out << "output " << values_[output_].name << '\n';
  return out.str();
}

std::int64_t elements(const Dims& dims) {
  std::int64_t count = 1;
  for (const Dim& dim : dims) count *= dim.size;
  return count;
}

Dims dims_of(const std::vector<std::int64_t>& sizes) {
  Dims dims;
  for (const std::int64_t size : sizes) dims.push_back({size, false});
  return dims;
}

std::vector<std::int64_t> sizes_of(const Dims& dims) {
  std::vector<std::int64_t> sizes;
  for (const Dim& dim : dims) sizes.push_back(dim.size);
  return sizes;
}

std::string to_string(const Dims& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ", ";
    if (!dims[i].batch || dims[i].size != 1) text += std::to_string(dims[i].size);
    if (dims[i].batch) text += "N";
  }
  return text + "]";
}

}  // namespace espalier
