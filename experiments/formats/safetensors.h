#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

// The safetensors format (https://github.com/huggingface/safetensors): 8 bytes of header length, a JSON header that
// names types, shapes and places, then the tensors' bytes, little-endian and row-major. Python users open it with one
// call.

enum class TensorType { boolean, u8, i32, i64, f16, bf16, f32, f64 };

/// Bytes of one element.
std::int64_t element_size(TensorType type);

/// A named tensor; non-owning view of its bytes.
struct TensorBytes {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<std::int64_t> shape;
  std::string_view bytes;
};

struct Safetensors {
  std::map<std::string, std::string> metadata;
  std::vector<TensorBytes> tensors;  ///< in the order of their bytes
};

/// The file's bytes; equal content gives equal bytes. The data begins at a multiple of 8.
/// Errors: ErrorKind::internal if a tensor's bytes do not match its shape and type, or a name occurs twice;
/// ErrorKind::invalid_input for names, shapes and metadata of more than 100 MB, which no reader accepts.
std::string to_safetensors(const Safetensors& content);

/// The size of that file. The tensors' bytes are not needed: their types and shapes say how many there are. Errors: as
/// of to_safetensors.
std::int64_t safetensors_size(const Safetensors& content);

/// Views into `file`, which must outlive them. Everything is checked before it is used or allocated: the header's
/// length (100 MB at most), what safetensors_header.h refuses, types, shapes, and that the tensors cover the data
/// exactly, without holes or overlaps.
/// Errors: ErrorKind::corrupt, beginning with `where`; also for a whole file with a type that TensorType lacks, which
/// the message then names.
Safetensors parse_safetensors(std::string_view file, const std::string& where);

/// The metadata in a file's header; its tensors are neither read nor checked. Errors: ErrorKind::corrupt,
/// also if it cannot be read.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);

}  // namespace espalier
