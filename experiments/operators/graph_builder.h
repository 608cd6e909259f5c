#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// Makes an OperatorGraph, operator after operator, in the order of computation. Layers are named; parameters and
/// buffers are called after them, as in torch: "conv1.weight", "bn1.running_mean". Errors of everything that adds:
/// ErrorKind::invalid_input, naming the layer, for inputs that do not fit, and for a name that is there already.
class GraphBuilder {
 public:
  /// `sizes` of one example; index for numbers of tokens.
  ValueIndex input(const std::vector<std::int64_t>& sizes, ValueType type = ValueType::number);
  ValueIndex parameter(const std::string& name, const std::vector<std::int64_t>& sizes, ParameterRole role);
  ValueIndex buffer(const std::string& name, const std::vector<std::int64_t>& sizes, double initial,
                    ValueType type = ValueType::number);
  /// "" as a name: the operator's, numbered.
  ValueIndex add(std::string_view op, const std::string& name, std::vector<ValueIndex> inputs,
                 Attributes attributes = {});

  struct ConvShape {
    std::int64_t out = 0, kernel = 0, stride = 1, padding = 0;
    bool bias = true;
    std::int64_t groups = 1;
  };
  ValueIndex linear(const std::string& name, ValueIndex x, std::int64_t out, bool bias = true);
  ValueIndex conv2d(const std::string& name, ValueIndex x, const ConvShape& shape);
  /// Epsilon 1e-5, running statistics with momentum 0.1.
  ValueIndex batch_norm(const std::string& name, ValueIndex x);
  /// Over the last dimension; epsilon 1e-5.
  ValueIndex layer_norm(const std::string& name, ValueIndex x);
  ValueIndex relu(const std::string& name, ValueIndex x) { return add("Relu", name, {x}); }
  ValueIndex gelu(ValueIndex x) { return add("Gelu", "", {x}); }
  ValueIndex max_pool2d(ValueIndex x, std::int64_t kernel = 2, std::int64_t stride = 2);
  ValueIndex global_average_pool(ValueIndex x);  ///< [N, C, H, W] -> [N, C]
  ValueIndex flatten(ValueIndex x);              ///< [N, ...] -> [N, elements of an example]
  ValueIndex rows(ValueIndex x);                 ///< the rows of an image become tokens: [N, C, H, W] -> [N, H, C W]
  /// `body` + `shortcut`.
  ValueIndex sum(ValueIndex body, ValueIndex shortcut) { return add("Add", "", {body, shortcut}); }
  /// Numbers of tokens [N, tokens] -> [N, tokens, width].
  ValueIndex embedding(const std::string& name, ValueIndex x, std::int64_t vocabulary, std::int64_t width);
  /// Adds a learned vector for each place to [N, tokens, width].
  ValueIndex position(const std::string& name, ValueIndex x);
  /// Self-attention of as many heads with linear layers name.q, name.k, name.v and name.o of [width, width], biased;
  /// head h has rows h width / heads ... of q, k and v, and those columns of o.
  ValueIndex attention(const std::string& name, ValueIndex x, std::int64_t heads, bool causal = false);
  ValueIndex mean_tokens(ValueIndex x);  ///< [N, tokens, width] -> [N, width]

  /// What is added from here to the end of it, from `x` on, is a block of that name.
  void begin_block(const std::string& name, ValueIndex x);
  ValueIndex end_block(ValueIndex output);

  const Dims& dims(ValueIndex value) const { return graph_.values()[value].dims; }
  /// As far as it is built: without readers, makers and output.
  const OperatorGraph& graph() const { return graph_; }
  /// The graph is given away. Errors: ErrorKind::internal for a block that was not ended.
  OperatorGraph finish(ValueIndex output);

 private:
  ValueIndex add_value(Value value);
  std::string numbered(std::string_view op);

  OperatorGraph graph_;
  std::map<std::string, int, std::less<>> names_;
  std::vector<Block> open_;
};

}  // namespace espalier
