#include "worker/onnx/onnx_network.h"

namespace espalier {

std::string OnnxNetwork::unique(const std::string& name) {
  std::string candidate = name;
  while (candidate.empty() || !names_.insert(candidate).second)
    candidate = name + "_" + std::to_string(++numbers_[name] + 1);
  return candidate;
}

ValueIndex OnnxNetwork::add_parameter(const std::string& name, const at::Tensor& tensor, ParameterRole role) {
  const auto [first, last] = trained_.equal_range(tensor.data_ptr());
  for (auto form = first; form != last; ++form) {
    if (form->second.tensor.sizes() == tensor.sizes() && form->second.tensor.strides() == tensor.strides())
      return form->second.value;
  }
  const std::string unique_name = unique(name);
  tensors[unique_name] = tensor.contiguous();
  const ValueIndex value = builder_.parameter(unique_name, tensor.sizes().vec(), role);
  trained_.emplace(tensor.data_ptr(), Form{tensor, value});
  return value;
}

const onnx::NodeProto* OnnxNetwork::only_reader(const std::string& name) const {
  const auto found = readers_.find(name);
  return found == readers_.end() ? nullptr : found->second;
}

void OnnxNetwork::add_reader(const std::string& name, const onnx::NodeProto* reader) {
  const auto [found, first] = readers_.emplace(name, reader);
  if (!first) found->second = nullptr;
}

ValueIndex OnnxNetwork::add_buffer(const std::string& name, const at::Tensor& tensor) {
  const std::string unique_name = unique(name);
  tensors[unique_name] = tensor.to(at::kFloat).contiguous();
  return builder_.buffer(unique_name, tensor.sizes().vec(), 0);
}

}  // namespace espalier
