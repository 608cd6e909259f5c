#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace espalier {

/// How many bytes from the front are whole characters of UTF-8 (RFC 3629: no overlong forms, no surrogates): all of
/// them, or up to the first that is none.
std::size_t utf8_prefix(std::string_view text);

/// The text with U+FFFD for each byte that belongs to no character; itself if there is none. For texts of others that
/// go into JSON, which has no other encoding.
std::string to_utf8(std::string text);

/// The text as it may be shown in a terminal or a log: control characters (of C0 but the tab, DEL, and of C1) as \xNN,
/// a line break as \n, and to_utf8 of the rest. For texts of others.
std::string printable(std::string_view text);

}  // namespace espalier
