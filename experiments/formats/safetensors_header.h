#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// What the JSON header of a safetensors file says of one tensor.
struct TensorEntry {
  std::string name;
  std::string type;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0, end = 0;  ///< of its bytes
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<TensorEntry> tensors;  ///< in the order of the text
};

/// Reads the header as its text goes by; no tree is built, which would take a hundred times the memory of a text of
/// brackets. Refuses what the format does not have: other fields, other types of values, deeper nesting, more than
/// 1,000,000 tensors, 64 sides of a shape or 10,000 metadata, numbers that are no counts (below 2^62), and a name or
/// field that is given twice, of which another reader would take the other.
/// Errors: ErrorKind::corrupt, whose message says what is wrong and not where.
SafetensorsHeader parse_safetensors_header(std::string_view json);

}  // namespace espalier
