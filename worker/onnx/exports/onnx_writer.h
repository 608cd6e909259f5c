#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "experiments/operators/operator_graph.h"
#include "worker/network/named_tensors.h"

namespace onnx {
class ModelProto;
}

namespace espalier {

/// An ONNX model (opset 17) while it is written from an operator graph, node after node.
class OnnxWriter {
 public:
  using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>>;
  using OnnxAttributes = std::vector<std::pair<std::string, Attribute>>;

  /// `tensors` hold every parameter and buffer of the graph. Errors: ErrorKind::invalid_input for tensors of more than
  /// protobuf's 2 GB.
  OnnxWriter(const OperatorGraph& graph, const NamedTensors& tensors);
  ~OnnxWriter();

  const OperatorGraph& graph() const { return graph_; }
  /// What the file calls a value of the graph.
  std::string name(ValueIndex value) const;
  std::string input(const Node& node, std::size_t place) const { return name(node.inputs[place]); }
  const Dims& dims(const Node& node, std::size_t place) const { return graph_.dims(node, place); }

  /// Adds a node with one output and returns its name, which is made up.
  std::string add(const char* op, const std::vector<std::string>& inputs, const OnnxAttributes& attributes = {});
  /// The same for the node's own output.
  void put(const Node& node, const char* op, const std::vector<std::string>& inputs,
           const OnnxAttributes& attributes = {});
  /// Constants; equal ones are written once.
  std::string numbers(const std::vector<std::int64_t>& values);
  std::string number(double value);
  /// float32 [count], all of them `value`.
  std::string filled(std::int64_t count, double value);
  std::string tensor(const at::Tensor& tensor);

  /// An int64 [1]: how many examples there are, read off dimension `dim` of `value`, which has `size` indices for each.
  std::string examples(const std::string& value, std::size_t dim, std::int64_t size);

  /// The file's bytes. Errors: ErrorKind::internal if ONNX's checker refuses it.
  std::string finish();

 private:
  void write_tensor(const std::string& name, const at::Tensor& tensor);

  const OperatorGraph& graph_;
  std::unique_ptr<onnx::ModelProto> model_;
  std::map<std::string, std::string> constants_;  // by what they hold
  int made_ = 0;
};

}  // namespace espalier
