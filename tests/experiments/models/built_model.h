#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "experiments/models/model_description.h"
#include "experiments/operators/graph_builder.h"

namespace espalier {

/// A network of images: `build(graph, x)` makes the logits of the examples x, [N, channels, height, width].
template <typename Build>
ModelDescription built_model(const std::string& name, const std::array<std::int64_t, 3>& input, std::int64_t classes,
                             Build build) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({input.begin(), input.end()});
  const ValueIndex logits = build(graph, x);
  return {name, input, classes, std::make_shared<const OperatorGraph>(graph.finish(logits))};
}

/// The same of numbers of tokens, [N, tokens].
template <typename Build>
ModelDescription built_token_model(const std::string& name, std::int64_t tokens, std::int64_t classes, Build build) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({tokens}, ValueType::index);
  const ValueIndex logits = build(graph, x);
  return {name, {tokens, 1, 1}, classes, std::make_shared<const OperatorGraph>(graph.finish(logits))};
}

/// One linear layer, fc, of [N, in, 1, 1].
inline ModelDescription linear_model(const std::string& name, std::int64_t in, std::int64_t out, bool bias = true) {
  return built_model(name, {in, 1, 1}, out, [&](GraphBuilder& graph, ValueIndex x) {
    return graph.linear("fc", graph.flatten(x), out, bias);
  });
}

}  // namespace espalier
