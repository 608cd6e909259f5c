#include "experiments/operators/graph_json.h"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;      // of a tensor, and of one example of a value
constexpr std::int64_t kLargestAttribute = std::int64_t{1} << 31;  // so that products of two fit
constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kMostDims = 12;

constexpr ParameterRole kRoles[] = {ParameterRole::weight, ParameterRole::bias, ParameterRole::scale,
                                    ParameterRole::embedding, ParameterRole::other};
constexpr std::array<std::pair<ValueType, const char*>, 3> kTypes{
    {{ValueType::number, "number"}, {ValueType::index, "index"}, {ValueType::truth, "truth"}}};

template <typename Enum, std::size_t count>
const char* word_of(const std::array<std::pair<Enum, const char*>, count>& words, Enum value) {
  for (const auto& [one, word] : words) {
    if (one == value) return word;
  }
  return "";
}

[[noreturn]] void refuse_graph(const std::string& what) {
  throw Error(ErrorKind::invalid_input, "model: the graph " + what);
}

template <typename Enum, std::size_t count>
Enum enum_of(const std::array<std::pair<Enum, const char*>, count>& words, const std::string& text) {
  for (const auto& [one, word] : words) {
    if (text == word) return one;
  }
  refuse_graph("has a word that it cannot have: " + text.substr(0, 100));
}

ParameterRole role_of(const std::string& text) {
  for (const ParameterRole role : kRoles) {
    if (text == to_string(role)) return role;
  }
  refuse_graph("has a word that it cannot have: " + text.substr(0, 100));
}

Json attribute_json(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
          if (!std::isfinite(value)) return {{"number", value > 0 ? "inf" : value < 0 ? "-inf" : "nan"}};
        }
        return value;
      },
      attribute);
}

std::int64_t bounded(std::int64_t number) {
  if (number < -kLargestAttribute || number > kLargestAttribute)
    refuse_graph("has an attribute of " + std::to_string(number));
  return number;
}

Attribute attribute_of(const Json& json) {
  if (json.is_number_integer()) return bounded(json.get<std::int64_t>());
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    auto numbers = json.get<std::vector<std::int64_t>>();
    for (const std::int64_t number : numbers) bounded(number);
    return numbers;
  }
  const std::string number = json.at("number").get<std::string>();
  if (number == "nan") return std::numeric_limits<double>::quiet_NaN();
  return number == "-inf" ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

std::vector<std::int64_t> sizes_from(const Json& json) {
  auto sizes = json.get<std::vector<std::int64_t>>();
  std::int64_t count = 1;
  if (sizes.size() > kMostDims) refuse_graph("has a tensor of " + std::to_string(sizes.size()) + " dimensions");
  for (const std::int64_t size : sizes) {
    if (size < 1 || size > kMostElements / count)
      refuse_graph("has a tensor with a dimension of " + std::to_string(size));
    count *= size;
  }
  return sizes;
}

class GraphReader {
 public:
  OperatorGraph read(const Json& json) {
    const Json& input = json.at("input");
    named_["input"] = builder_.input(sizes_from(input.at("sizes")), enum_of(kTypes, input.at("type")));
    for (const Json& one : json.at("parameters"))
      name(one.at("name"), builder_.parameter(one.at("name"), sizes_from(one.at("sizes")), role_of(one.at("role"))));
    for (const Json& one : json.at("buffers"))
      name(one.at("name"), builder_.buffer(one.at("name"), sizes_from(one.at("sizes")), one.at("initial"),
                                           enum_of(kTypes, one.at("type"))));
    if (json.at("nodes").size() > kMostNodes) refuse_graph("has more than " + std::to_string(kMostNodes) + " nodes");
    const auto& blocks = json.at("blocks");
    std::size_t place = 0;
    for (const Json& node : json.at("nodes")) {
      // In the order of their ends: of those that begin here, the outer one is the later.
      for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
        if (block->at("first").get<std::size_t>() == place)
          builder_.begin_block(block->at("name"), value(block->at("input")));
      }
      read_node(node);
      ++place;
      for (const Json& block : blocks) {
        if (block.at("end").get<std::size_t>() == place) builder_.end_block(value(block.at("output")));
      }
    }
    return builder_.finish(value(json.at("output")));
  }

 private:
  void name(const std::string& name, ValueIndex value) { named_[name] = value; }
  ValueIndex value(const Json& json) const {
    if (json.is_null()) return kNoValue;
    const auto found = named_.find(json.get<std::string>());
    if (found != named_.end()) return found->second;
    refuse_graph("reads " + json.get<std::string>().substr(0, 100) + ", which nothing before it makes");
  }
  void read_node(const Json& node) {
    std::vector<ValueIndex> inputs;
    for (const Json& input : node.at("inputs")) inputs.push_back(value(input));
    if (inputs.empty() || inputs[0] == kNoValue) refuse_graph("has an operator without input");
    Attributes attributes;
    for (const auto& [key, attribute] : node.at("attributes").items()) attributes[key] = attribute_of(attribute);
    const std::string called = node.at("name");
    const ValueIndex made =
        builder_.add(node.at("op").get<std::string>(), called, std::move(inputs), std::move(attributes));
    std::int64_t count = 1;
    for (const Dim& dim : builder_.dims(made)) {
      if (dim.size < 1 || dim.size > kMostElements / count) refuse_graph("has a value of no possible size: " + called);
      count *= dim.size;
    }
    name(called, made);
  }

  GraphBuilder builder_;
  std::map<std::string, ValueIndex> named_;
};

}  // namespace

Json to_json(const OperatorGraph& graph) {
  const auto name = [&](ValueIndex value) { return value == kNoValue ? Json() : Json(graph.value(value).name); };
  const Value& input = graph.value(graph.input());
  Json json{
      {"parameters", Json::array()}, {"buffers", Json::array()}, {"nodes", Json::array()}, {"blocks", Json::array()}};
  json["input"] = {{"sizes", sizes_of(Dims(input.dims.begin() + 1, input.dims.end()))},
                   {"type", word_of(kTypes, input.type)}};
  for (const Value& value : graph.values()) {
    if (value.source == Value::Source::parameter)
      json["parameters"].push_back(
          {{"name", value.name}, {"sizes", sizes_of(value.dims)}, {"role", to_string(value.role)}});
    if (value.source == Value::Source::buffer)
      json["buffers"].push_back({{"name", value.name},
                                 {"sizes", sizes_of(value.dims)},
                                 {"initial", value.initial},
                                 {"type", word_of(kTypes, value.type)}});
  }
  for (const Node& node : graph.nodes()) {
    Json inputs = Json::array(), attributes = Json::object();
    for (const ValueIndex index : node.inputs) inputs.push_back(name(index));
    for (const auto& [key, attribute] : node.attributes) attributes[key] = attribute_json(attribute);
    json["nodes"].push_back(
        {{"op", node.op->name()}, {"name", node.name}, {"inputs", inputs}, {"attributes", attributes}});
  }
  for (const Block& block : graph.blocks()) {
    json["blocks"].push_back({{"name", block.name},
                              {"first", block.first},
                              {"end", block.end},
                              {"input", name(block.input)},
                              {"output", name(block.output)}});
  }
  json["output"] = name(graph.output());
  return json;
}

OperatorGraph graph_from_json(const Json& json) {
  try {
    return GraphReader().read(json);
  } catch (const Json::exception& failure) {
    refuse_graph(std::string("is not written as one: ") + failure.what());
  } catch (const std::out_of_range&) {
    refuse_graph("has an operator with fewer attributes than dimensions");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::internal) throw;
    refuse_graph(std::string("contradicts itself: ") + error.what());
  }
}

}  // namespace espalier
