#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "experiments/operators/graph_builder.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// Shapes of parameters that are given under a prefix, for building their architecture.
class Shapes {
 public:
  Shapes(const NamedTensors& tensors, std::string prefix) : tensors_(tensors), prefix_(std::move(prefix)) {}
  std::int64_t size(const std::string& parameter, std::int64_t dimension) const {
    for (const auto& [name, tensor] : tensors_) {
      if (name == prefix_ + parameter) return tensor.size(dimension);
    }
    throw std::out_of_range("there is no " + prefix_ + parameter);
  }
  bool has(const std::string& parameter) const { return has_tensor(tensors_, prefix_ + parameter); }
  ValueIndex linear(GraphBuilder& graph, const std::string& name, ValueIndex x) const {
    return graph.linear(name, x, size(name + ".weight", 0), has(name + ".bias"));
  }
  ValueIndex conv(GraphBuilder& graph, const std::string& name, ValueIndex x, std::int64_t stride = 1) const {
    return conv(graph, name, x, stride, size(name + ".weight", 2) / 2);
  }
  ValueIndex conv(GraphBuilder& graph, const std::string& name, ValueIndex x, std::int64_t stride,
                  std::int64_t padding) const {
    const std::string weight = name + ".weight";
    const std::int64_t groups = graph.dims(x).at(1).size / size(weight, 1);
    return graph.conv2d(name, x, {size(weight, 0), size(weight, 2), stride, padding, has(name + ".bias"), groups});
  }

 private:
  const NamedTensors& tensors_;
  const std::string prefix_;
};

/// Networks of the golden vectors, as deep as there are parameters: x -> logits.
ValueIndex mlp(GraphBuilder& graph, ValueIndex x, const Shapes& shapes);
ValueIndex resnet(GraphBuilder& graph, ValueIndex x, const Shapes& shapes);
ValueIndex transformer(GraphBuilder& graph, ValueIndex x, const Shapes& shapes, std::int64_t heads);

}  // namespace espalier
