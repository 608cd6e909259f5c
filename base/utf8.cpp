#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <cstdint>

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

/// Of a whole character.
char32_t code_point(std::string_view text, std::size_t size) {
  constexpr std::array<unsigned, 5> kFirstBits{0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t code = static_cast<unsigned char>(text[0]) & kFirstBits.at(size);
  for (std::size_t i = 1; i < size; ++i) code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  return code;
}

/// Characters that look like a blank, like nothing, or that move what stands beside them (Unicode's categories Zs, Zl,
/// Zp and Cf, and the fillers).
struct InvisibleRange {
  char32_t first, last;
  const char* name;
};
constexpr std::array kInvisible{InvisibleRange{0x00a0, 0x00a0, "a no-break space"},
                                InvisibleRange{0x00ad, 0x00ad, "a soft hyphen"},
                                InvisibleRange{0x034f, 0x034f, "an invisible joiner"},
                                InvisibleRange{0x061c, 0x061c, "a mark of direction"},
                                InvisibleRange{0x115f, 0x1160, "an invisible filler"},
                                InvisibleRange{0x1680, 0x1680, "a wide space"},
                                InvisibleRange{0x17b4, 0x17b5, "an invisible vowel"},
                                InvisibleRange{0x180b, 0x180f, "an invisible separator"},
                                InvisibleRange{0x2000, 0x200a, "a space of another width"},
                                InvisibleRange{0x200b, 0x200b, "a zero-width space"},
                                InvisibleRange{0x200c, 0x200d, "a zero-width joiner"},
                                InvisibleRange{0x200e, 0x200f, "a mark of direction"},
                                InvisibleRange{0x2028, 0x2029, "a line separator"},
                                InvisibleRange{0x202a, 0x202e, "a mark of direction"},
                                InvisibleRange{0x202f, 0x202f, "a narrow no-break space"},
                                InvisibleRange{0x205f, 0x205f, "a space of another width"},
                                InvisibleRange{0x2060, 0x2064, "a zero-width joiner"},
                                InvisibleRange{0x2066, 0x206f, "a mark of direction"},
                                InvisibleRange{0x3000, 0x3000, "a wide space"},
                                InvisibleRange{0x3164, 0x3164, "an invisible filler"},
                                InvisibleRange{0xfeff, 0xfeff, "a byte order mark"},
                                InvisibleRange{0xffa0, 0xffa0, "an invisible filler"},
                                InvisibleRange{0xfff9, 0xfffb, "an invisible mark"},
                                InvisibleRange{0xe0000, 0xe007f, "an invisible tag"}};

const InvisibleRange* invisible_kind(char32_t code) {
  const auto found =
      std::ranges::find_if(kInvisible, [&](const auto& range) { return code >= range.first && code <= range.last; });
  return found == kInvisible.end() ? nullptr : &*found;
}

std::string escaped_code(char32_t code) {
  const auto number = static_cast<std::uint32_t>(code);
  return code > 0xffff ? fmt::format("\\U{:08x}", number) : fmt::format("\\u{:04x}", number);
}

/// Hands `visit` each character and its code point, or each byte that belongs to none and 0xfffd.
template <typename Visit>
void each_character(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    visit(text.substr(0, std::max<std::size_t>(size, 1)), size > 0 ? code_point(text, size) : char32_t{0xfffd});
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
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
  each_character(text, [&](std::string_view character, char32_t code) {
    if (code == '\n') {
      shown.append("\\n");
    } else if (code != '\t' && has_control_character(character)) {
      shown.append(fmt::format("\\x{:02x}", static_cast<std::uint32_t>(code)));
    } else if (invisible_kind(code) != nullptr) {
      shown.append(escaped_code(code));
    } else {
      shown.append(code == 0xfffd ? "\xef\xbf\xbd" : character);
    }
  });
  return shown;
}

std::string printable_lines(std::string_view text) {
  std::string shown;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    shown.append(printable(text.substr(0, end))).append("\n");
    text.remove_prefix(end + 1);
  }
  return shown.append(printable(text));
}

std::string quoted_text(std::string_view text, std::size_t most) {
  const std::string_view front = text.substr(0, most);
  const std::size_t whole = utf8_prefix(front);  // a character is not cut
  const std::string_view shown =
      front.size() < text.size() && front.size() - whole < 4 ? front.substr(0, whole) : front;
  const Invisible invisible = find_invisible(shown);
  return '"' + printable(shown) + (shown.size() < text.size() ? "..." : "") + '"' +
         (invisible.name.empty() ? "" : " (" + invisible.name + ")");
}

Invisible find_invisible(std::string_view text) {
  Invisible found;
  std::size_t at = 0;
  each_character(text, [&](std::string_view character, char32_t code) {
    const InvisibleRange* kind = found.name.empty() ? invisible_kind(code) : nullptr;
    if (kind != nullptr) found = {at, escaped_code(code) + " is " + kind->name};
    at += character.size();
  });
  return found;
}

bool has_control_character(std::string_view text) {
  bool found = false;
  each_character(
      text, [&](std::string_view, char32_t code) { found = found || code < 0x20 || (code >= 0x7f && code < 0xa0); });
  return found;
}

std::string without_invisible(std::string_view text) {
  std::string visible;
  each_character(text, [&](std::string_view character, char32_t code) {
    if (invisible_kind(code) == nullptr) visible.append(character);
  });
  return visible;
}

}  // namespace espalier
