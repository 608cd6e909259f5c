#include "worker/onnx/onnx_tensor.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <fstream>
#include <onnx/onnx_pb.h>
#include <optional>
#include <system_error>
#include <vector>

#include <ATen/ops/empty.h>

#include "base/error.h"

static_assert(std::endian::native == std::endian::little, "ONNX stores tensors in little-endian order");

namespace espalier {
namespace {

using onnx::TensorProto;

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

[[noreturn]] void refuse_tensor(const TensorProto& tensor, const std::string& what) {
  throw Error(ErrorKind::invalid_input, "tensor \"" + tensor.name() + "\" " + what);
}

struct StoredType {
  std::int64_t bytes;  // of an element in the file
  at::ScalarType in_file;
  at::ScalarType in_memory;
};

std::optional<StoredType> find_type(std::int32_t type) {
  switch (type) {
    case TensorProto::FLOAT:
      return StoredType{4, at::kFloat, at::kFloat};
    case TensorProto::DOUBLE:
      return StoredType{8, at::kDouble, at::kFloat};
    case TensorProto::FLOAT16:
      return StoredType{2, at::kHalf, at::kFloat};
    case TensorProto::BFLOAT16:
      return StoredType{2, at::kBFloat16, at::kFloat};
    case TensorProto::INT64:
    case TensorProto::UINT64:
      return StoredType{8, at::kLong, at::kLong};
    case TensorProto::INT32:
    case TensorProto::UINT32:
      return StoredType{4, at::kInt, at::kLong};
    case TensorProto::INT16:
    case TensorProto::UINT16:
      return StoredType{2, at::kShort, at::kLong};
    case TensorProto::INT8:
      return StoredType{1, at::kChar, at::kLong};
    case TensorProto::UINT8:
      return StoredType{1, at::kByte, at::kLong};
    case TensorProto::BOOL:
      return StoredType{1, at::kBool, at::kBool};
    default:
      return std::nullopt;
  }
}

StoredType type_of(const TensorProto& tensor) {
  const auto type = find_type(tensor.data_type());
  if (!type)
    refuse_tensor(tensor, "is of ONNX type " + std::to_string(tensor.data_type()) + ", which is not understood");
  return *type;
}

std::int64_t count_elements(const TensorProto& tensor) {
  if (static_cast<std::size_t>(tensor.dims_size()) > kMostOnnxDimensions)
    refuse_tensor(tensor, "has " + std::to_string(tensor.dims_size()) + " dimensions");
  std::int64_t count = 1;
  bool none = false;
  for (const std::int64_t dim : tensor.dims()) {
    if (dim < 0) refuse_tensor(tensor, "has a dimension of " + std::to_string(dim));
    if (dim == 0) {
      none = true;
    } else if (dim > kMostElements / count) {
      refuse_tensor(tensor, "has more elements than a network has: a dimension of " + std::to_string(dim));
    } else {
      count *= dim;
    }
  }
  return none ? 0 : count;
}

bool is_external(const TensorProto& tensor) {
  return tensor.data_location() == TensorProto::EXTERNAL;
}

struct Place {
  std::filesystem::path file;
  std::int64_t offset = 0;
};

std::int64_t count_in(const TensorProto& tensor, const std::string& key, const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    refuse_tensor(tensor, "has \"" + text + "\" as the " + key + " of its data");
  return value;
}

/// Where the data of a tensor in another file lie; that they are there is checked.
Place place_of(const TensorProto& tensor, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  Place place;
  std::string location;
  std::int64_t length = tensor_bytes(tensor);
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") place.offset = count_in(tensor, "offset", entry.value());
    if (entry.key() == "length" && count_in(tensor, "length", entry.value()) != length)
      refuse_tensor(tensor,
                    "has " + entry.value() + " bytes of data, but its shape asks for " + std::to_string(length));
  }
  const fs::path relative = location;
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() ||
      std::find(relative.begin(), relative.end(), "..") != relative.end())
    refuse_tensor(tensor, "has its data in \"" + location + "\", which is not below the model's folder");
  std::error_code error;
  const fs::path root = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  if (!error) place.file = fs::canonical(root / relative, error);
  if (error || !fs::is_regular_file(place.file, error))
    refuse_tensor(tensor, "has its data in \"" + location + "\", which is no file in the model's folder");
  if (std::mismatch(root.begin(), root.end(), place.file.begin(), place.file.end()).first != root.end())
    refuse_tensor(tensor, "has its data in \"" + location + "\", which links out of the model's folder");
  const auto size = static_cast<std::int64_t>(fs::file_size(place.file, error));
  if (error || place.offset > size || length > size - place.offset) {
    refuse_tensor(tensor, "asks for " + std::to_string(length) + " bytes from " + std::to_string(place.offset) +
                              " on of \"" + location + "\", which has " + std::to_string(size));
  }
  return place;
}

/// Elements in the field of their type, where they are not raw bytes; -1 for a type without one.
std::int64_t typed_elements(const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return tensor.float_data_size();
    case TensorProto::DOUBLE:
      return tensor.double_data_size();
    case TensorProto::INT64:
      return tensor.int64_data_size();
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      return tensor.uint64_data_size();
    default:
      return tensor.int32_data_size();
  }
}

template <typename To, typename From>
void copy_numbers(at::Tensor& to, const From& from) {
  std::transform(from.begin(), from.end(), static_cast<To*>(to.data_ptr()),
                 [](auto number) { return static_cast<To>(number); });
}

void copy_typed(at::Tensor& to, const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return copy_numbers<float>(to, tensor.float_data());
    case TensorProto::DOUBLE:
      return copy_numbers<double>(to, tensor.double_data());
    case TensorProto::INT64:
      return copy_numbers<std::int64_t>(to, tensor.int64_data());
    case TensorProto::UINT64:
      return copy_numbers<std::int64_t>(to, tensor.uint64_data());
    case TensorProto::UINT32:
      return copy_numbers<std::int32_t>(to, tensor.uint64_data());
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
    case TensorProto::INT16:
    case TensorProto::UINT16:
      return copy_numbers<std::int16_t>(to, tensor.int32_data());  // the bits
    case TensorProto::INT32:
      return copy_numbers<std::int32_t>(to, tensor.int32_data());
    case TensorProto::BOOL:
      return copy_numbers<bool>(to, tensor.int32_data());
    default:
      return copy_numbers<std::int8_t>(to, tensor.int32_data());
  }
}

void read_from(const Place& place, const TensorProto& tensor, at::Tensor& to) {
  std::ifstream file(place.file, std::ios::binary);
  file.seekg(place.offset);
  file.read(static_cast<char*>(to.data_ptr()), static_cast<std::streamsize>(to.nbytes()));
  if (!file) throw Error(ErrorKind::unavailable, place.file.string() + ": cannot read tensor " + tensor.name());
}

}  // namespace

std::int64_t tensor_bytes(const TensorProto& tensor) {
  return count_elements(tensor) * type_of(tensor).bytes;
}

void check_tensor(const TensorProto& tensor, const std::filesystem::path& folder) {
  if (tensor.has_segment()) refuse_tensor(tensor, "is a part of another, which is not understood");
  const std::int64_t bytes = tensor_bytes(tensor);
  if (is_external(tensor)) {
    place_of(tensor, folder);
    return;
  }
  const bool raw = tensor.has_raw_data();
  const std::int64_t held =
      raw ? static_cast<std::int64_t>(tensor.raw_data().size()) : typed_elements(tensor) * type_of(tensor).bytes;
  if (held != bytes)
    refuse_tensor(tensor,
                  "has " + std::to_string(held) + " bytes of data, but its shape asks for " + std::to_string(bytes));
}

at::Tensor tensor_of(const TensorProto& tensor, const std::filesystem::path& folder) {
  const StoredType type = type_of(tensor);
  at::Tensor result = at::empty(at::IntArrayRef(tensor.dims().data(), static_cast<std::size_t>(tensor.dims_size())),
                                at::TensorOptions(type.in_file));
  if (is_external(tensor)) {
    read_from(place_of(tensor, folder), tensor, result);
  } else if (tensor.has_raw_data()) {
    std::memcpy(result.data_ptr(), tensor.raw_data().data(), tensor.raw_data().size());
  } else {
    copy_typed(result, tensor);
  }
  if (type.in_file == at::kBool) result = result.view(at::kByte).ne(0);  // any byte is true
  result = result.to(type.in_memory);
  const std::int32_t stored = tensor.data_type();  // what has no sign, but lies in a type with one
  if (stored == TensorProto::UINT32) result.bitwise_and_(std::int64_t{0xffffffff});
  if (stored == TensorProto::UINT16) result.bitwise_and_(std::int64_t{0xffff});
  return result;
}

}  // namespace espalier
