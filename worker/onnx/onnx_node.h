#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/onnx/onnx_attributes.h"
#include "worker/onnx/onnx_network.h"

namespace espalier {

/// A node of an ONNX file that is being said in operators of the graph.
class OnnxNode {
 public:
  /// `name`: of what it becomes; a layer may have a better one (name_after).
  OnnxNode(OnnxNetwork& network, const onnx::NodeProto& node, std::string name);

  std::int64_t opset() const { return network_.file().opset(""); }
  OnnxNetwork& network() { return network_; }
  const OnnxNetwork& network() const { return network_; }
  const onnx::NodeProto& proto() const { return node_; }
  const OnnxAttributes& attributes() const { return attributes_; }
  std::size_t inputs() const;
  std::size_t outputs() const;
  bool has(std::size_t input) const;
  /// Whether something reads that output, as far as the file says.
  bool gives(std::size_t output) const;

  /// Its name in the file.
  const std::string& proto_output(std::size_t output) const;

  /// An input as a value of the operator graph: constants become buffers, trained tensors parameters of role other.
  /// Errors: refuse() where the examples lie inside a dimension (OnnxValue::seen).
  ValueIndex value(std::size_t input);
  /// The same in its own dims, wherever the examples lie; for operators that compute each row, or number, by itself.
  ValueIndex rows(std::size_t input);
  /// Whether the file sees other dims than those of rows().
  const std::optional<Dims>& seen(std::size_t input) const { return input_value(input).seen; }
  /// Of any input, for one example.
  Dims dims(std::size_t input) const;
  /// A tensor of the file, trained or not; none if it is computed from the network's input.
  std::optional<at::Tensor> tensor(std::size_t input) const;
  /// Constants; none for an input that is trained, or computed.
  std::optional<double> number(std::size_t input) const;
  bool is_constant(std::size_t input) const;
  /// Of a constant of integers. Errors: refuse() for anything else, and for one that depends on the number of examples.
  std::vector<std::int64_t> integers(std::size_t input) const;
  /// An attribute in old opsets, an input in new ones.
  std::vector<std::int64_t> either(const std::string& attribute, std::size_t input) const;
  /// Of integers, with those that count examples marked. Errors: refuse().
  Dims as_dims(std::size_t input) const;

  /// The node, and what it trains, are called after the tensor: "conv1" after "conv1.weight".
  void name_after(std::size_t input);
  void name_after(const std::string& tensor);
  const std::string& name() const { return name_; }
  /// A trained tensor of a layer, as `tensor` (a form of the input): "conv1.weight". The
  /// same one for the same memory in the same form.
  ValueIndex parameter(std::size_t input, const std::string& suffix, const at::Tensor& tensor, ParameterRole role);
  ValueIndex parameter(std::size_t input, const std::string& suffix, ParameterRole role);
  ValueIndex buffer(std::size_t input, const std::string& suffix);
  ValueIndex buffer_of(const at::Tensor& tensor, const std::string& suffix);

  /// Adds an operator, called as the node. Errors: as GraphBuilder::add; refuse() for values of more than 2^40 numbers.
  ValueIndex add(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes = {});
  /// The same of one that the node needs beside it, such as a Pad before a Conv.
  ValueIndex add_beside(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes = {});
  Dims dims_of(ValueIndex value) const { return network_.builder().dims(value); }
  /// Says what an output is.
  void give(ValueIndex value, std::size_t output = 0);
  void give(const OnnxValue& value, std::size_t output = 0);
  /// What was computed of rows(input), in which only the last dimension may be another: seen as the input was.
  void give_rows(ValueIndex value, std::size_t input);
  const OnnxValue& input_value(std::size_t input) const;

  /// Reshapes to dims, of which the batch's is marked; nothing where they are its own.
  ValueIndex reshape(ValueIndex value, const Dims& dims);
  ValueIndex transpose(ValueIndex value, const std::vector<std::int64_t>& permutation);
  ValueIndex add_number(ValueIndex value, double number);
  ValueIndex multiply(ValueIndex value, double number);

  /// A dimension counted from the end if negative. Errors: refuse().
  std::size_t axis(std::int64_t axis, std::size_t rank) const;

  /// Throws ErrorKind::invalid_input: what stands in the way.
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  ValueIndex add_named(std::string_view op, const std::string& name, std::vector<ValueIndex> inputs,
                       Attributes attributes);
  std::string input_name(std::size_t input) const;

  OnnxNetwork& network_;
  const onnx::NodeProto& node_;
  const OnnxAttributes attributes_;
  std::string name_;
};

}  // namespace espalier
