#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/operators/graph_builder.h"
#include "worker/onnx/onnx_file.h"
#include "worker/onnx/onnx_value.h"

namespace onnx {
class NodeProto;
}

namespace espalier {

/// The operator graph of an ONNX file while it is made, with its tensors and what the file's names stand for.
class OnnxNetwork {
 public:
  explicit OnnxNetwork(const OnnxFile& file) : file_(file) {}

  const OnnxFile& file() const { return file_; }
  GraphBuilder& builder() { return builder_; }
  const GraphBuilder& builder() const { return builder_; }

  /// Examples that the file was made for; 0 where it leaves them free.
  std::int64_t file_batch = 0;
  ValueIndex input = kNoValue;
  std::map<std::string, OnnxValue> values;    ///< by the file's names
  std::map<std::string, at::Tensor> tensors;  ///< by the operator graph's names
  std::set<std::string> remarks;
  std::set<const onnx::NodeProto*> done;  ///< nodes that another one's translation has said with itself

  /// The node that reads a name; null if several do, or the network's output is it.
  const onnx::NodeProto* only_reader(const std::string& name) const;
  /// Whether any node reads it, or the network's output is it.
  bool is_read(const std::string& name) const { return readers_.contains(name); }
  /// To be called for all that is needed of the file, before the first translation.
  void add_reader(const std::string& name, const onnx::NodeProto* reader);

  /// A name that neither a node nor a tensor has: `name`, or with a number behind it.
  std::string unique(const std::string& name);
  /// The same value for a tensor of the same memory in the same form.
  ValueIndex add_parameter(const std::string& name, const at::Tensor& tensor, ParameterRole role);
  ValueIndex add_buffer(const std::string& name, const at::Tensor& tensor);

 private:
  const OnnxFile& file_;
  GraphBuilder builder_;
  std::set<std::string> names_;
  std::map<std::string, int> numbers_;
  std::map<std::string, const onnx::NodeProto*> readers_;  // null for more than one
  struct Form {
    at::Tensor tensor;  // keeps the memory
    ValueIndex value;
  };
  std::multimap<const void*, Form> trained_;
};

}  // namespace espalier
