#include "worker/network/named_tensors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <ATen/ops/from_blob.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::array<std::pair<TensorType, at::ScalarType>, 8> kTypes{{{TensorType::boolean, at::kBool},
                                                                       {TensorType::u8, at::kByte},
                                                                       {TensorType::i32, at::kInt},
                                                                       {TensorType::i64, at::kLong},
                                                                       {TensorType::f16, at::kHalf},
                                                                       {TensorType::bf16, at::kBFloat16},
                                                                       {TensorType::f32, at::kFloat},
                                                                       {TensorType::f64, at::kDouble}}};

constexpr std::string_view kMaskSuffix = ".mask";

bool is_mask(const std::string& name) {
  return name.ends_with(kMaskSuffix);
}

TensorType stored_type(const std::string& name, at::ScalarType type) {
  for (const auto& [stored, in_memory] : kTypes) {
    if (in_memory == type) return stored;
  }
  throw Error(ErrorKind::internal, "tensor \"" + name + "\" is of a type that artifacts do not hold");
}

at::ScalarType scalar_type(TensorType type) {
  return std::find_if(kTypes.begin(), kTypes.end(), [type](const auto& entry) { return entry.first == type; })->second;
}

}  // namespace

const at::Tensor& tensor_like(const NamedTensors& tensors, const std::string& name, const at::Tensor& like) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == tensors.end()) throw Error(ErrorKind::corrupt, "the input holds no tensor \"" + name + "\"");
  if (found->second.sizes() != like.sizes() || found->second.scalar_type() != like.scalar_type()) {
    throw Error(ErrorKind::corrupt, "tensor \"" + name + "\" of the input has another shape or type than the model's");
  }
  return found->second;
}

bool has_tensor(const NamedTensors& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
}

NamedTensors masks_among(const NamedTensors& tensors) {
  NamedTensors masks;
  for (const auto& [name, tensor] : tensors) {
    if (is_mask(name)) masks.emplace_back(name.substr(0, name.size() - kMaskSuffix.size()), tensor);
  }
  return masks.empty() ? tensors : masks;
}

NamedTensors weights_among(const NamedTensors& tensors) {
  NamedTensors weights;
  for (const auto& [name, tensor] : tensors) {
    if (!is_mask(name)) weights.emplace_back(name, tensor);
  }
  return weights;
}

NamedTensors with_masks(NamedTensors weights, const NamedTensors& masks) {
  for (const auto& [name, mask] : masks) weights.emplace_back(name + std::string(kMaskSuffix), mask);
  return weights;
}

std::int64_t size_bytes(const NamedTensors& tensors) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

TensorFile to_file(const NamedTensors& tensors, std::map<std::string, std::string> metadata) {
  TensorFile file{{}, {std::move(metadata), {}}};
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& held = file.held.emplace_back(name, tensor.detach().to(at::kCPU).contiguous()).second;
    const auto* bytes = static_cast<const char*>(held.data_ptr());
    file.content.tensors.push_back(
        {name, stored_type(name, held.scalar_type()), held.sizes().vec(), {bytes, held.nbytes()}});
  }
  return file;
}

Digest digest_of(const NamedTensors& tensors) {
  std::string digests;
  for (const TensorBytes& tensor : to_file(tensors, {}).content.tensors) {
    digests += tensor.name + " " + to_hex(sha256(tensor.bytes)) + "\n";
  }
  return sha256(digests);
}

NamedTensors from_file(const Safetensors& content, c10::Device device) {
  NamedTensors tensors;
  for (const TensorBytes& stored : content.tensors) {
    // from_blob wants a writable pointer; the clone is all that is ever written to.
    const at::Tensor view =
        at::from_blob(const_cast<char*>(stored.bytes.data()), stored.shape, scalar_type(stored.type));
    tensors.emplace_back(stored.name, device.is_cpu() ? view.clone() : view.to(device));
  }
  return tensors;
}

}  // namespace espalier
