#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/sha256.h"
#include "experiments/formats/safetensors.h"

namespace espalier {

/// Tensors in the order in which they are stored. Copies share memory: clone a tensor before writing into it.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Errors: ErrorKind::corrupt if none has the name, or it has another shape or type than `like`.
const at::Tensor& tensor_like(const NamedTensors& tensors, const std::string& name, const at::Tensor& like);

bool has_tensor(const NamedTensors& tensors, const std::string& name);

/// Of tensors that hold weights and masks side by side (masks are called "fc1.weight.mask" there): only these, by the
/// names of the parameters they cover; or only the others. Tensors that hold one of both are given back as they are.
NamedTensors masks_among(const NamedTensors& tensors);
NamedTensors weights_among(const NamedTensors& tensors);
/// Weights and masks side by side.
NamedTensors with_masks(NamedTensors weights, const NamedTensors& masks);

std::int64_t size_bytes(const NamedTensors& tensors);
/// Of names and bytes, in their order.
Digest digest_of(const NamedTensors& tensors);

/// What a file will hold; `held` keeps the bytes on the CPU for as long as the views in `content` are used.
struct TensorFile {
  NamedTensors held;
  Safetensors content;
};
TensorFile to_file(const NamedTensors& tensors, std::map<std::string, std::string> metadata);

/// Copies, on `device`.
NamedTensors from_file(const Safetensors& content, c10::Device device);

}  // namespace espalier
