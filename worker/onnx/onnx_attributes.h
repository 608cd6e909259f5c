#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace onnx {
class AttributeProto;
class NodeProto;
}  // namespace onnx

namespace espalier {

/// Attributes of a node, with what they are where the file leaves them out. Errors: ErrorKind::invalid_input for one of
/// another kind.
class OnnxAttributes {
 public:
  explicit OnnxAttributes(const onnx::NodeProto& node) : node_(node) {}
  bool has(const std::string& name) const { return find(name) != nullptr; }
  std::int64_t integer(const std::string& name, std::int64_t otherwise) const;
  double number(const std::string& name, double otherwise) const;
  std::string word(const std::string& name, const std::string& otherwise) const;
  /// Empty where it is left out.
  std::vector<std::int64_t> integers(const std::string& name) const;
  std::vector<double> numbers(const std::string& name) const;

 private:
  const onnx::AttributeProto* find(const std::string& name) const;

  const onnx::NodeProto& node_;
};

/// The number that a float was written as: 1e-5, and not 9.99999974737875e-06. As exact as the float.
double as_written(float number);

/// The indices that a slice takes, as ONNX and numpy have it: bounds may be negative, or beyond the dimension. Errors:
/// ErrorKind::invalid_input for a step of 0.
std::vector<std::int64_t> sliced_indices(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size);

/// Sizes of the parts of a dimension: those given, or equal ones, the last smaller. Errors: ErrorKind::invalid_input if
/// they do not add up.
std::vector<std::int64_t> split_sizes(std::vector<std::int64_t> given, std::int64_t parts, std::int64_t size);

}  // namespace espalier
