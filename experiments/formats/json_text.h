#pragma once

#include <string>

namespace espalier {

/// JSON to be printed or answered. A byte of a path or a text that belongs to no character becomes U+FFFD, as in
/// to_utf8: JSON has no other encoding than UTF-8, and nobody's name is a reason to say nothing at all. Not for what is
/// read back as a path: where that goes wrong, refuse it. `indent`: -1 for one line.
template <typename Json>
std::string json_text(const Json& json, int indent = 2) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace espalier
