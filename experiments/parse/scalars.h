#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/diagnostics/problems.h"
#include "experiments/parse/yaml_value.h"
#include "experiments/spec/length.h"

namespace espalier {

// Readers of single values: each returns the value, or nothing after reporting what was found and what is allowed.

struct NumberRange {
  double low = 0, high = 0;
  bool with_low = true, with_high = true;
  std::string what;  ///< "the fraction removed", for the message; "" if the key says it
};

std::optional<double> parse_number(const YamlValue& value, const NumberRange& range, Problems& problems);
/// In [0, 1); a number from 2 up gets the hint that 90 % is written 0.9.
std::optional<double> parse_sparsity(const YamlValue& value, Problems& problems);
std::optional<std::int64_t> parse_count(const YamlValue& value, std::int64_t least, std::int64_t most,
                                        Problems& problems);
std::optional<bool> parse_flag(const YamlValue& value, Problems& problems);
/// Any text of at most 1,000 bytes.
std::optional<std::string> parse_text(const YamlValue& value, Problems& problems);
/// One of the choices.
std::optional<std::string> parse_name(const YamlValue& value, const std::vector<std::string>& choices,
                                      Problems& problems);
/// "2ep50it", "2ep", "500it", 500. `or_word` is said with what is allowed ("init or ") where the caller knows such a
/// word.
std::optional<Length> parse_length(const YamlValue& value, Problems& problems, const std::string& or_word = "");

/// A value that is a name, or a map from one name to that form's settings: `constant`, `{step: {gamma: 0.1}}`.
struct Form {
  std::string name;
  YamlValue settings;  ///< a map, or nothing
};
std::optional<Form> parse_form(const YamlValue& value, const std::vector<std::string>& names, Problems& problems);

}  // namespace espalier
