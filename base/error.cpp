#include "base/error.h"

#include <array>
#include <utility>

namespace espalier {
namespace {

constexpr std::array<std::pair<ErrorKind, std::string_view>, 6> kKinds{{{ErrorKind::invalid_input, "invalid_input"},
                                                                        {ErrorKind::unavailable, "unavailable"},
                                                                        {ErrorKind::exhausted, "exhausted"},
                                                                        {ErrorKind::numeric, "numeric"},
                                                                        {ErrorKind::corrupt, "corrupt"},
                                                                        {ErrorKind::internal, "internal"}}};

}  // namespace

std::string_view to_string(ErrorKind kind) {
  for (const auto& [value, name] : kKinds) {
    if (value == kind) return name;
  }
  return "internal";
}

ErrorKind parse_error_kind(std::string_view text) {
  for (const auto& [value, name] : kKinds) {
    if (name == text) return value;
  }
  throw Error(ErrorKind::invalid_input, "no kind of error is called \"" + std::string(text) + "\"");
}

}  // namespace espalier
