#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/diagnostics/key_place.h"

namespace espalier {

struct YamlEntry;

/// A YAML text as a tree of plain values, each of which knows where it was written and the path of its key.
struct YamlValue {
  enum class Kind { null, scalar, list, map } kind = Kind::null;
  std::string text;                ///< scalar
  bool quoted = false;             ///< scalar: "0.5" is a text, 0.5 a number
  std::vector<YamlValue> items;    ///< list
  std::vector<YamlEntry> entries;  ///< map, in the file's order
  KeyPlace place;
  int order = 0;  ///< position in the whole tree, overrides included

  /// The value of a map's key, or null.
  const YamlValue* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  KeyPlace place;  ///< of the key
  YamlValue value;
};

/// `the text "abc"`, `1.2`, `a list`, `an empty list`, `a map`, `nothing`: what was found, for messages.
std::string describe(const YamlValue& value);

/// On one line: `{iterative: {rate: 0.2, rounds: 15}}`.
std::string flow_text(const YamlValue& value);

/// As flow_text, but equal values have equal texts: 0.50 and 5e-1 are 0.5, -0.0 is 0, and the keys of a map are in
/// order.
std::string value_text(const YamlValue& value);

/// Whether `value` could have been written as `pattern`: equal scalars (0.50 equals 0.5), any item of a list, the
/// entries of a map (others may be there too); and a word stands for the map that has it as its only key or its `name`.
bool matches(const YamlValue& value, const YamlValue& pattern);

/// One value for every way of choosing an item from each list inside: {a: [1, 2], b: 3} becomes {a: 1, b: 3}, {a: 2, b:
/// 3}. Keys that truly take a list (milestones, block) stay. A value without lists becomes itself.
std::vector<YamlValue> alternatives(const YamlValue& value);

/// How many alternatives there are; `limit` if there are more than that.
std::size_t count_alternatives(const YamlValue& value, std::size_t limit);

}  // namespace espalier
