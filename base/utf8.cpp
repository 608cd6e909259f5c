#include "base/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace espalier {
namespace {

/// Bytes of the character at the front; 0 if it is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0, surrogate = first == 0xed && second > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && second < 0x90, beyond = first == 0xf4 && second > 0x8f;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::size_t utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = character_size(text.substr(at));
    if (size == 0) break;
    at += size;
  }
  return at;
}

std::string to_utf8(std::string text) {
  std::string_view rest = text;
  std::size_t good = utf8_prefix(rest);
  if (good == rest.size()) return text;
  std::string replaced;
  for (; good < rest.size(); good = utf8_prefix(rest)) {
    replaced.append(rest.substr(0, good)).append("\xef\xbf\xbd");
    rest.remove_prefix(good + 1);
  }
  return replaced.append(rest);
}

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool is_c1 = size == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (size == 0) {
      shown.append("\xef\xbf\xbd");
    } else if (first == '\n') {
      shown.append("\\n");
    } else if (is_c1 || first == 0x7f || (first < 0x20 && first != '\t')) {
      shown.append(fmt::format("\\x{:02x}", static_cast<unsigned char>(text[size - 1])));
    } else {
      shown.append(text.substr(0, size));
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return shown;
}

}  // namespace espalier
