#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace espalier {

class Operator;

// What a network computes, as a graph of operators over values, without tensors. The catalog's models and imported
// networks are such graphs; what can be pruned, what it costs and how it runs is read from them. A graph does not
// change once it is built (experiments/operators/graph_builder.h).

/// A dimension of a value. The batch's holds `size` indices for each example, the examples outermost.
struct Dim {
  std::int64_t size = 0;
  bool batch = false;
  bool operator==(const Dim&) const = default;
};
using Dims = std::vector<Dim>;

enum class ValueType { number, index, truth };

/// Place in OperatorGraph::values().
using ValueIndex = std::size_t;
/// In the place of an input that an operator does without, such as a bias.
inline constexpr ValueIndex kNoValue = static_cast<ValueIndex>(-1);

/// What a trained tensor is to its layer; it decides how it starts.
enum class ParameterRole {
  weight,     ///< of a linear or convolutional layer: can be pruned
  bias,       ///< of a layer, or the shift of a norm: zero at first
  scale,      ///< of a norm: one at first
  embedding,  ///< of tokens or places
  other       ///< of an imported network: as it came
};

/// "weight", "bias", "scale", "embedding", "other".
const char* to_string(ParameterRole role);

struct Value {
  enum class Source { input, parameter, buffer, node };
  std::string name;  ///< a parameter's or buffer's ("conv1.weight"), or that of the node that makes it
  Source source = Source::node;
  Dims dims;
  ValueType type = ValueType::number;
  ParameterRole role = ParameterRole::other;  ///< of parameters
  double initial = 0;                         ///< of buffers: every element's first value
};

/// As ONNX's attributes: an integer, a number, integers or a word.
using Attribute = std::variant<std::int64_t, double, std::vector<std::int64_t>, std::string>;
using Attributes = std::map<std::string, Attribute>;

struct Node {
  const Operator* op = nullptr;
  std::string name;  ///< of its own in the graph; a layer's is that of its parameters: "conv1"
  std::vector<ValueIndex> inputs;
  Attributes attributes;
  ValueIndex output = kNoValue;

  /// Of an attribute that the operator always has. Errors: ErrorKind::internal.
  std::int64_t integer(const std::string& attribute) const;
  double number(const std::string& attribute) const;
  const std::vector<std::int64_t>& integers(const std::string& attribute) const;
  const std::string& word(const std::string& attribute) const;
};

/// Consecutive nodes with one input and one output that have a name of their own: a residual block, a transformer's
/// layer.
struct Block {
  std::string name;
  std::size_t first = 0, end = 0;  ///< places in nodes()
  ValueIndex input = kNoValue, output = kNoValue;
};

class OperatorGraph {
 public:
  /// Values in the order of their making, nodes in the order of their computation.
  const std::vector<Value>& values() const { return values_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  ValueIndex input() const { return input_; }
  ValueIndex output() const { return output_; }

  const Value& value(ValueIndex index) const { return values_[index]; }
  /// Of an input of a node; the dims of kNoValue are none.
  const Dims& dims(const Node& node, std::size_t input) const;
  bool has_input(const Node& node, std::size_t input) const;
  /// A parameter or buffer among a node's inputs, or null.
  const Value* tensor(const Node& node, std::size_t input) const;

  /// Nodes that read the value, in order.
  const std::vector<std::size_t>& readers(ValueIndex value) const { return readers_[value]; }
  /// The node that makes the value; none (nodes().size()) for inputs, parameters and buffers.
  std::size_t maker(ValueIndex value) const { return makers_[value]; }

  /// One line for each parameter, buffer and node: equal texts compute the same with the same tensors.
  std::string text() const;

 private:
  friend class GraphBuilder;
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<Block> blocks_;
  ValueIndex input_ = kNoValue, output_ = kNoValue;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<std::size_t> makers_;
};

/// Indices for one example.
std::int64_t elements(const Dims& dims);
/// Of parameters and buffers: sizes without a batch.
Dims dims_of(const std::vector<std::int64_t>& sizes);
std::vector<std::int64_t> sizes_of(const Dims& dims);
/// "[N, 16, 32, 32]", "[4N, 7]".
std::string to_string(const Dims& dims);

}  // namespace espalier
