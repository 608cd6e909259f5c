#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>

namespace onnx {
class TensorProto;
}

namespace espalier {

/// Dimensions of a tensor or value. What infers shapes, and what names them in a message, takes long for more.
inline constexpr std::size_t kMostOnnxDimensions = 32;

/// Bytes of a tensor in memory. Errors: ErrorKind::invalid_input for more dimensions, for dims that are negative
/// or of more than 2^40 elements, and for types that are no numbers.
std::int64_t tensor_bytes(const onnx::TensorProto& tensor);

/// Checks what tensor_of relies on, without reading: shape, type, and that the bytes that the file holds are as many as
/// the shape asks for; of a tensor in a file of its own, that this file lies below `folder` (no absolute path, "..", or
/// link out of it) and is as long. Errors: ErrorKind::invalid_input.
void check_tensor(const onnx::TensorProto& tensor, const std::filesystem::path& folder);

/// float32 for floating types, else int64 or bool; on the CPU, with memory of its own. `tensor` has passed
/// check_tensor. Errors: ErrorKind::unavailable if its file cannot be read.
at::Tensor tensor_of(const onnx::TensorProto& tensor, const std::filesystem::path& folder);

}  // namespace espalier
