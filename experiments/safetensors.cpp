#include "experiments/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace espalier {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory");

constexpr std::uint64_t kLargestHeader = 100'000'000;  // the format's own limit
constexpr std::size_t kLengthBytes = 8;

struct TypeName {
  TensorType type;
  std::string_view name;
  std::int64_t size;
};
constexpr std::array<TypeName, 5> kTypes{{{TensorType::boolean, "BOOL", 1},
                                          {TensorType::u8, "U8", 1},
                                          {TensorType::i64, "I64", 8},
                                          {TensorType::f32, "F32", 4},
                                          {TensorType::f64, "F64", 8}}};

const TypeName& describe(TensorType type) {
  return *std::find_if(kTypes.begin(), kTypes.end(), [type](const TypeName& entry) { return entry.type == type; });
}

[[noreturn]] void damaged(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::corrupt, where + ": not a whole safetensors file: " + what);
}

/// Bytes that a tensor of this shape takes, or -1 if the shape is absurd.
std::int64_t bytes_of(const std::vector<std::int64_t>& shape, TensorType type) {
  std::int64_t bytes = element_size(type);
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes)) return -1;
  }
  return bytes;
}

std::int64_t count_at(const nlohmann::json& value, const std::string& where, const std::string& name) {
  if (!value.is_number_integer() || value.get<double>() < 0 || value.get<double>() >= 0x1p62) {
    damaged(where, "tensor \"" + name + "\" has a size that is no count");
  }
  return value.get<std::int64_t>();
}

TensorBytes parse_tensor(const std::string& name, const nlohmann::json& entry, std::string_view data,
                         const std::string& where) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets")) {
    damaged(where, "tensor \"" + name + "\" lacks its type, shape or place");
  }
  TensorBytes tensor{name, TensorType::f32, {}, {}};
  const auto type =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return entry["dtype"] == t.name; });
  if (type == kTypes.end()) damaged(where, "tensor \"" + name + "\" has the unknown type " + entry["dtype"].dump());
  tensor.type = type->type;
  const auto& shape = entry["shape"];
  const auto& place = entry["data_offsets"];
  if (!shape.is_array() || !place.is_array() || place.size() != 2)
    damaged(where, "tensor \"" + name + "\" has no shape or place");
  for (const auto& extent : shape) tensor.shape.push_back(count_at(extent, where, name));
  const std::int64_t begin = count_at(place[0], where, name);
  const std::int64_t end = count_at(place[1], where, name);
  if (begin > end || static_cast<std::uint64_t>(end) > data.size())
    damaged(where, "tensor \"" + name + "\" lies outside of the file");
  if (bytes_of(tensor.shape, tensor.type) != end - begin)
    damaged(where, "tensor \"" + name + "\" has another size than its shape");
  tensor.bytes = data.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  return tensor;
}

void check_coverage(const Safetensors& content, std::string_view data, const std::string& where) {
  const char* expected = data.data();
  for (const TensorBytes& tensor : content.tensors) {
    if (tensor.bytes.data() != expected)
      damaged(where, "tensor \"" + tensor.name + "\" overlaps another or leaves a hole");
    expected += tensor.bytes.size();
  }
  if (expected != data.data() + data.size()) damaged(where, "bytes at its end belong to no tensor");
}

}  // namespace

std::int64_t element_size(TensorType type) {
  return describe(type).size;
}

std::string to_safetensors(const Safetensors& content) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::size_t offset = 0;
  for (const TensorBytes& tensor : content.tensors) {
    if (bytes_of(tensor.shape, tensor.type) != static_cast<std::int64_t>(tensor.bytes.size()) ||
        header.contains(tensor.name)) {
      throw Error(ErrorKind::internal, "tensor \"" + tensor.name +
                                           "\" cannot be stored: it occurs twice, or has another size than its shape");
    }
    header[tensor.name] = {{"dtype", describe(tensor.type).name},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kLargestHeader) {
    throw Error(ErrorKind::invalid_input,
                "a safetensors header of " + std::to_string(text.size()) + " bytes is above the format's limit of " +
                    std::to_string(kLargestHeader) + "; a training keeps its curves there: raise eval_every");
  }
  const std::uint64_t length = text.size();
  std::string file(kLengthBytes, '\0');
  std::memcpy(file.data(), &length, kLengthBytes);
  file.reserve(kLengthBytes + text.size() + offset);
  file += text;
  for (const TensorBytes& tensor : content.tensors) file += tensor.bytes;
  return file;
}

Safetensors parse_safetensors(std::string_view file, const std::string& where) {
  std::uint64_t length = 0;
  if (file.size() < kLengthBytes) damaged(where, "it has " + std::to_string(file.size()) + " bytes");
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kLargestHeader) damaged(where, "its header claims " + std::to_string(length) + " bytes");
  if (length > file.size() - kLengthBytes) damaged(where, "it ends within its header");
  const auto header = nlohmann::json::parse(file.substr(kLengthBytes, length), nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) damaged(where, "its header is no JSON object");
  const std::string_view data = file.substr(kLengthBytes + length);
  Safetensors content;
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") {
      content.tensors.push_back(parse_tensor(name, entry, data, where));
      continue;
    }
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) damaged(where, "its metadata \"" + key + "\" is no text");
      content.metadata[key] = value.get<std::string>();
    }
  }
  // Empty tensors share their place with the next one, and come before it.
  std::stable_sort(content.tensors.begin(), content.tensors.end(), [](const TensorBytes& a, const TensorBytes& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  check_coverage(content, data, where);
  return content;
}

}  // namespace espalier
