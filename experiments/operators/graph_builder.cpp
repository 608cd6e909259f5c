#include "experiments/operators/graph_builder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "experiments/operators/operator.h"

namespace espalier {
namespace {

constexpr double kNormEpsilon = 1e-5;
constexpr double kNormMomentum = 0.1;

}  // namespace

ValueIndex GraphBuilder::add_value(Value value) {
  if (value.source != Value::Source::node && !names_.emplace(value.name, 1).second)
    throw Error(ErrorKind::invalid_input, "model: two tensors are called " + value.name);
  graph_.values_.push_back(std::move(value));
  return graph_.values_.size() - 1;
}

std::string GraphBuilder::numbered(std::string_view op) {
  std::string name(op);
  std::ranges::transform(name, name.begin(), [](unsigned char letter) { return std::tolower(letter); });
  for (int number = 1;; ++number) {
    std::string candidate = name + "_" + std::to_string(number);
    if (!names_.contains(candidate)) return candidate;
  }
}

ValueIndex GraphBuilder::input(const std::vector<std::int64_t>& sizes, ValueType type) {
  Value value{"input", Value::Source::input, {{1, true}}, type};
  for (const std::int64_t size : sizes) value.dims.push_back({size});
  return graph_.input_ = add_value(std::move(value));
}

ValueIndex GraphBuilder::parameter(const std::string& name, const std::vector<std::int64_t>& sizes,
                                   ParameterRole role) {
  return add_value({name, Value::Source::parameter, dims_of(sizes), ValueType::number, role});
}

ValueIndex GraphBuilder::buffer(const std::string& name, const std::vector<std::int64_t>& sizes, double initial,
                                ValueType type) {
  return add_value({name, Value::Source::buffer, dims_of(sizes), type, ParameterRole::other, initial});
}

ValueIndex GraphBuilder::add(std::string_view op, const std::string& name, std::vector<ValueIndex> inputs,
                             Attributes attributes) {
  Node node{&find_operator(op), name.empty() ? numbered(op) : name, std::move(inputs), std::move(attributes), kNoValue};
  if (!names_.emplace(node.name, 1).second)
    throw Error(ErrorKind::invalid_input, "model: two operators are called " + node.name);
  Inferred inferred = node.op->infer(graph_, node);
  node.output = add_value({node.name, Value::Source::node, std::move(inferred.dims), inferred.type});
  graph_.nodes_.push_back(std::move(node));
  return graph_.nodes_.back().output;
}

ValueIndex GraphBuilder::linear(const std::string& name, ValueIndex x, std::int64_t out, bool bias) {
  const std::int64_t in = dims(x).back().size;
  const ValueIndex weight = parameter(name + ".weight", {out, in}, ParameterRole::weight);
  const ValueIndex shift = bias ? parameter(name + ".bias", {out}, ParameterRole::bias) : kNoValue;
  return add("Linear", name, {x, weight, shift});
}

ValueIndex GraphBuilder::conv2d(const std::string& name, ValueIndex x, const ConvShape& shape) {
  const auto both = [](std::int64_t side) { return std::vector{side, side}; };
  const std::int64_t in = dims(x).size() == 4 ? dims(x)[1].size : 0;
  const ValueIndex weight =
      parameter(name + ".weight", {shape.out, in / shape.groups, shape.kernel, shape.kernel}, ParameterRole::weight);
  const ValueIndex shift = shape.bias ? parameter(name + ".bias", {shape.out}, ParameterRole::bias) : kNoValue;
  return add("Conv", name, {x, weight, shift},
             {{"strides", both(shape.stride)},
              {"padding", both(shape.padding)},
              {"dilations", both(1)},
              {"groups", shape.groups}});
}

ValueIndex GraphBuilder::batch_norm(const std::string& name, ValueIndex x) {
  const std::vector<std::int64_t> channels{dims(x).at(1).size};
  const ValueIndex scale = parameter(name + ".weight", channels, ParameterRole::scale);
  const ValueIndex shift = parameter(name + ".bias", channels, ParameterRole::bias);
  const ValueIndex mean = buffer(name + ".running_mean", channels, 0);
  const ValueIndex variance = buffer(name + ".running_var", channels, 1);
  return add("BatchNorm", name, {x, scale, shift, mean, variance},
             {{"epsilon", kNormEpsilon}, {"momentum", kNormMomentum}});
}

ValueIndex GraphBuilder::layer_norm(const std::string& name, ValueIndex x) {
  const std::vector<std::int64_t> width{dims(x).back().size};
  const ValueIndex scale = parameter(name + ".weight", width, ParameterRole::scale);
  const ValueIndex shift = parameter(name + ".bias", width, ParameterRole::bias);
  return add("LayerNorm", name, {x, scale, shift}, {{"dims", std::int64_t{1}}, {"epsilon", kNormEpsilon}});
}

ValueIndex GraphBuilder::max_pool2d(ValueIndex x, std::int64_t kernel, std::int64_t stride) {
  const auto both = [](std::int64_t side) { return std::vector{side, side}; };
  return add("MaxPool", "", {x},
             {{"kernel", both(kernel)},
              {"strides", both(stride)},
              {"padding", both(0)},
              {"dilations", both(1)},
              {"round_up", std::int64_t{0}}});
}

ValueIndex GraphBuilder::global_average_pool(ValueIndex x) {
  return add("ReduceMean", "", {x}, {{"dims", std::vector<std::int64_t>{2, 3}}, {"keep_dims", std::int64_t{0}}});
}

ValueIndex GraphBuilder::flatten(ValueIndex x) {
  return add("Reshape", "", {x},
             {{"sizes", std::vector<std::int64_t>{1, elements(dims(x))}}, {"batch", std::int64_t{0}}});
}

ValueIndex GraphBuilder::rows(ValueIndex x) {
  const Dims image = dims(x);
  const ValueIndex turned = add("Transpose", "", {x}, {{"permutation", std::vector<std::int64_t>{0, 2, 1, 3}}});
  return add("Reshape", "", {turned},
             {{"sizes", std::vector<std::int64_t>{1, image.at(2).size, image[1].size * image[3].size}},
              {"batch", std::int64_t{0}}});
}

ValueIndex GraphBuilder::embedding(const std::string& name, ValueIndex x, std::int64_t vocabulary, std::int64_t width) {
  return add("Embedding", name, {x, parameter(name + ".weight", {vocabulary, width}, ParameterRole::embedding)});
}

ValueIndex GraphBuilder::position(const std::string& name, ValueIndex x) {
  const std::int64_t tokens = dims(x).at(1).size, width = dims(x).at(2).size;
  return add("Add", name, {x, parameter(name + ".weight", {tokens, width}, ParameterRole::embedding)});
}

ValueIndex GraphBuilder::attention(const std::string& name, ValueIndex x, std::int64_t heads, bool causal) {
  const std::int64_t width = dims(x).back().size;
  const ValueIndex q = linear(name + ".q", x, width), k = linear(name + ".k", x, width),
                   v = linear(name + ".v", x, width);
  const std::int64_t head_width = std::max<std::int64_t>(heads > 0 ? width / heads : width, 1);
  const ValueIndex given = add("Attention", name, {q, k, v},
                               {{"heads", heads},
                                {"key_value_heads", heads},
                                {"causal", std::int64_t{causal ? 1 : 0}},
                                {"divisor", std::sqrt(static_cast<double>(head_width))}});
  return linear(name + ".o", given, width);
}

ValueIndex GraphBuilder::mean_tokens(ValueIndex x) {
  return add("ReduceMean", "", {x}, {{"dims", std::vector<std::int64_t>{1}}, {"keep_dims", std::int64_t{0}}});
}

void GraphBuilder::begin_block(const std::string& name, ValueIndex x) {
  open_.push_back({name, graph_.nodes_.size(), 0, x, kNoValue});
}

ValueIndex GraphBuilder::end_block(ValueIndex output) {
  Block block = open_.back();
  open_.pop_back();
  block.end = graph_.nodes_.size();
  block.output = output;
  graph_.blocks_.push_back(std::move(block));
  return output;
}

OperatorGraph GraphBuilder::finish(ValueIndex output) {
  if (!open_.empty()) throw Error(ErrorKind::internal, "model: block " + open_.back().name + " has no end");
  graph_.output_ = output;
  graph_.readers_.resize(graph_.values_.size());
  graph_.makers_.assign(graph_.values_.size(), graph_.nodes_.size());
  for (std::size_t i = 0; i < graph_.nodes_.size(); ++i) {
    const Node& node = graph_.nodes_[i];
    graph_.makers_[node.output] = i;
    for (const ValueIndex input : node.inputs) {
      if (input != kNoValue && (graph_.readers_[input].empty() || graph_.readers_[input].back() != i))
        graph_.readers_[input].push_back(i);
    }
  }
  return std::exchange(graph_, {});
}

}  // namespace espalier
