#include "experiments/formats/safetensors.h"

#include <algorithm>
#include <cstring>

#include "tests/fuzz/targets/targets.h"

namespace espalier {
namespace {

/// The first eight bytes say how long the header is, which few mutations leave true. Of every second input they are
/// put right, so that the header is read at all.
std::string with_length(std::string_view input) {
  std::string file(input);
  const std::size_t brace = file.rfind('}');
  if (brace == std::string::npos || brace < 8 || file.size() % 2 != 0) return file;
  const std::uint64_t length = std::min(file.find_first_not_of(' ', brace + 1), file.size()) - 8;
  std::memcpy(file.data(), &length, sizeof length);
  return file;
}

bool read_tensors(std::string_view input) {
  const std::string file = with_length(input);
  const Safetensors content = parse_safetensors(file, "fuzz.safetensors");
  const std::string again = to_safetensors(content);
  parse_safetensors(again, "again");
  return true;
}

}  // namespace

FuzzTarget safetensors_target() {
  FuzzTarget target;
  target.name = "safetensors";
  const std::string weights(24, 'w'), empty, mask(4, '\2');
  target.seeds = {
      to_safetensors({{{"stage", "abc"}, {"sha256", std::string(64, '0')}},
                      {{"fc1.weight", TensorType::f32, {2, 3}, weights},
                       {"none", TensorType::f64, {0, 4}, empty},
                       {"a.mask", TensorType::u8, {4}, mask}}}),
      to_safetensors({{}, {{"x", TensorType::i64, {3}, weights}, {"y", TensorType::boolean, {2, 2}, mask}}}),
      to_safetensors({})};
  target.dictionary = {"[",
                       "]",
                       "{",
                       "}",
                       ",",
                       "\"",
                       ":",
                       "\"a\":{",
                       "\"F32\"",
                       "\"BOOL\"",
                       "\"dtype\":",
                       "\"shape\":",
                       "\"data_offsets\":",
                       "\"__metadata__\":{",
                       "\\u0000",
                       "\\ud800",
                       "null",
                       "1e999",
                       "-0",
                       "[0,0]",
                       "18446744073709551616",
                       "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"};
  for (const char* piece : {"[", "{\"a\":", "{", "\"", "9", "[[", " "}) {
    std::string text = mebibyte_of(piece);
    const std::uint64_t length = text.size();
    target.worst.push_back(std::string(sizeof length, '\0') + std::move(text));
    std::memcpy(target.worst.back().data(), &length, sizeof length);
  }
  target.refusals = {ErrorKind::corrupt};
  target.read = read_tensors;
  return target;
}

}  // namespace espalier
