#include "experiments/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "experiments/formats/safetensors_header.h"

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
constexpr std::array<TypeName, 8> kTypes{{{TensorType::boolean, "BOOL", 1},
                                          {TensorType::u8, "U8", 1},
                                          {TensorType::i32, "I32", 4},
                                          {TensorType::i64, "I64", 8},
                                          {TensorType::f16, "F16", 2},
                                          {TensorType::bf16, "BF16", 2},
                                          {TensorType::f32, "F32", 4},
                                          {TensorType::f64, "F64", 8}}};

/// Others that the format has.
constexpr std::array<std::string_view, 13> kUnreadTypes{
    "I8", "I16", "U16", "U32", "U64", "C64", "F4", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FN"};

/// What a tensor of a whole file has: no damage.
struct UnreadType {
  std::string what;
};

const TypeName& describe(TensorType type) {
  return *std::find_if(kTypes.begin(), kTypes.end(), [type](const TypeName& entry) { return entry.type == type; });
}

/// The file's name is put before it in one place.
[[noreturn]] void damaged(const std::string& what) {
  throw Error(ErrorKind::corrupt, what);
}

std::string shown(const TensorBytes& tensor) {
  return "tensor " + quoted_text(tensor.name);
}

/// Bytes that a tensor of this shape takes, or -1 if the shape is absurd.
std::int64_t bytes_of(const std::vector<std::int64_t>& shape, TensorType type) {
  std::int64_t bytes = element_size(type);
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes)) return -1;
  }
  return bytes;
}

TensorBytes place_tensor(TensorEntry entry, std::string_view data) {
  TensorBytes tensor{std::move(entry.name), TensorType::f32, std::move(entry.shape), {}};
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return entry.type == t.name; });
  if (std::ranges::find(kUnreadTypes, entry.type) != kUnreadTypes.end())
    throw UnreadType{shown(tensor) + " is of the type " + entry.type + ", which is not read here; convert it"};
  if (type == kTypes.end()) damaged(shown(tensor) + " has the unknown type " + quoted_text(entry.type));
  tensor.type = type->type;
  if (entry.begin > entry.end || static_cast<std::uint64_t>(entry.end) > data.size())
    damaged(shown(tensor) + " lies outside of the file");
  if (bytes_of(tensor.shape, tensor.type) != entry.end - entry.begin)
    damaged(shown(tensor) + " has another size than its shape");
  tensor.bytes = data.substr(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin));
  return tensor;
}

void check_coverage(const Safetensors& content, std::string_view data) {
  const char* expected = data.data();
  for (const TensorBytes& tensor : content.tensors) {
    if (tensor.bytes.data() != expected) damaged(shown(tensor) + " overlaps another or leaves a hole");
    expected += tensor.bytes.size();
  }
  if (expected != data.data() + data.size()) damaged("bytes at its end belong to no tensor");
}

/// Of a file that begins so and has so many bytes; its length fits into them.
std::size_t header_length(std::string_view begin, std::uint64_t bytes) {
  std::uint64_t length = 0;
  if (begin.size() < kLengthBytes) damaged("it has " + std::to_string(begin.size()) + " bytes");
  std::memcpy(&length, begin.data(), kLengthBytes);
  if (length > kLargestHeader) damaged("its header claims more than any has");
  if (length > bytes - kLengthBytes) damaged("it ends within its header");
  return static_cast<std::size_t>(length);
}

Safetensors parse(std::string_view file) {
  const std::size_t length = header_length(file, file.size());
  SafetensorsHeader header = parse_safetensors_header(file.substr(kLengthBytes, length));
  const std::string_view data = file.substr(kLengthBytes + length);
  Safetensors content;
  content.metadata = std::move(header.metadata);
  content.tensors.reserve(header.tensors.size());
  for (TensorEntry& entry : header.tensors) content.tensors.push_back(place_tensor(std::move(entry), data));
  // Empty tensors share their place with the next one, and come before it.
  std::sort(content.tensors.begin(), content.tensors.end(), [](const TensorBytes& a, const TensorBytes& b) {
    return std::tuple(a.bytes.data(), a.bytes.size(), std::string_view(a.name)) <
           std::tuple(b.bytes.data(), b.bytes.size(), std::string_view(b.name));
  });
  check_coverage(content, data);
  return content;
}

/// Padded to a multiple of 8.
std::string header_text(const Safetensors& content) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::int64_t offset = 0;
  for (const TensorBytes& tensor : content.tensors) {
    if (header.contains(tensor.name))
      throw Error(ErrorKind::internal, shown(tensor) + " cannot be stored: it occurs twice");
    const std::int64_t end = offset + bytes_of(tensor.shape, tensor.type);
    header[tensor.name] = {
        {"dtype", describe(tensor.type).name}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() <= kLargestHeader) return text;
  throw Error(ErrorKind::invalid_input, "a safetensors header of " + std::to_string(text.size()) +
                                            " bytes is above the format's limit of " + std::to_string(kLargestHeader) +
                                            "; a training keeps its curves there: raise eval_every");
}

}  // namespace

std::int64_t element_size(TensorType type) {
  return describe(type).size;
}

std::string to_safetensors(const Safetensors& content) {
  std::size_t bytes = 0;
  for (const TensorBytes& tensor : content.tensors) {
    if (bytes_of(tensor.shape, tensor.type) != static_cast<std::int64_t>(tensor.bytes.size()))
      throw Error(ErrorKind::internal, shown(tensor) + " cannot be stored: it has another size than its shape");
    bytes += tensor.bytes.size();
  }
  const std::string text = header_text(content);
  const std::uint64_t length = text.size();
  std::string file(kLengthBytes, '\0');
  std::memcpy(file.data(), &length, kLengthBytes);
  file.reserve(kLengthBytes + text.size() + bytes);
  file += text;
  for (const TensorBytes& tensor : content.tensors) file += tensor.bytes;
  return file;
}

std::int64_t safetensors_size(const Safetensors& content) {
  std::int64_t size = static_cast<std::int64_t>(kLengthBytes + header_text(content).size());
  for (const TensorBytes& tensor : content.tensors) size += bytes_of(tensor.shape, tensor.type);
  return size;
}

Safetensors parse_safetensors(std::string_view file, const std::string& where) {
  try {
    return parse(file);
  } catch (const UnreadType& type) {
    throw Error(ErrorKind::corrupt, where + ": " + type.what);
  } catch (const Error& error) {
    throw Error(error.kind(), where + ": not a whole safetensors file: " + error.what());
  }
}

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  std::error_code absent;
  const std::uintmax_t bytes = std::filesystem::file_size(path, absent);
  std::ifstream file(path, std::ios::binary);
  const auto read = [&](std::size_t count) {
    std::string text(count, '\0');
    file.read(text.data(), static_cast<std::streamsize>(count));
    if (absent || !file) damaged(path.string() + ": its header cannot be read");
    return text;
  };
  const std::string length = read(kLengthBytes);
  return parse_safetensors_header(read(header_length(length, bytes))).metadata;
}

}  // namespace espalier
