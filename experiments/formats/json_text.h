#pragma once

#include <string>

namespace espalier {

/// JSON to be printed or answered. A byte of a path or a text that belongs to no character becomes U+FFFD, as in
/// to_utf8: JSON has no other encoding than UTF-8, and an odd name must not suppress the whole output. Not for text
/// that is read back as a path: refuse such a path. `indent`: -1 for one line.
template <typename Json>
std::string json_text(const Json& json, int indent = 2) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace espalier
