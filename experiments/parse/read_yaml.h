#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"

namespace espalier {

inline constexpr std::size_t kLargestSweepFile = 1 << 20;  // bytes

/// Reads one YAML document into plain values. Refuses what a sweep never needs and a bomb is made of: more than 1 MB,
/// what is not UTF-8, anchors and aliases, tags, nesting beyond 32, more than 100,000 values, more than 1,000 keys in a
/// map, more than 500 bytes of keys on the way to a value, a second document. A key given twice is a problem too.
/// Nothing is returned if the text could not be read to its end. `root` is the path of the document's value ("" for a
/// file); with `in_file` false its places have no line.
std::optional<YamlValue> read_yaml(std::string_view text, const KeyPlace& root, bool in_file, Problems& problems);

}  // namespace espalier
