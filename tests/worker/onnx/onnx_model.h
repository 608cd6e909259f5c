#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

namespace onnx {
class ModelProto;
class NodeProto;
}  // namespace onnx

namespace espalier {

/// An ONNX file made without Python, node after node. Its input "x" and its output "y" are floats.
class OnnxModel {
 public:
  using Integers = std::vector<std::int64_t>;
  using Value = std::variant<std::int64_t, double, Integers, std::string, std::vector<double>>;
  using Settings = std::map<std::string, Value>;

  /// A first dimension of 0 is free.
  explicit OnnxModel(const Integers& input, int opset = 13);
  ~OnnxModel();
  OnnxModel(OnnxModel&&) noexcept;
  OnnxModel& operator=(OnnxModel&&) noexcept;

  /// A tensor of the file: float32, int64 or bool.
  OnnxModel& tensor(const std::string& name, const at::Tensor& values);
  OnnxModel& tensor(const std::string& name, const Integers& values);
  OnnxModel& number(const std::string& name, double value);
  /// The last node's first output is the file's. Outputs named as asked, the node after the first one.
  OnnxModel& node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                  const Settings& settings = {});
  OnnxModel& node(const std::string& op, const std::vector<std::string>& inputs,
                  const std::vector<std::string>& outputs, const Settings& settings = {});

  onnx::ModelProto& proto() { return *model_; }
  /// Of the node added last.
  onnx::NodeProto& last_node();
  std::string bytes() const;

 private:
  std::unique_ptr<onnx::ModelProto> model_;
};

}  // namespace espalier
