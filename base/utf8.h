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
/// a line break as \n, what cannot be seen or turns the line around (no-break and zero-width spaces, marks of
/// direction, U+2028, ...) as \uNNNN, and to_utf8 of the rest. For texts of others.
std::string printable(std::string_view text);

/// printable of each line, and the line breaks as they are: for what a program says about texts of others.
std::string printable_lines(std::string_view text);

/// At most `most` bytes of it, printable, in quotes; and the name of a character in it that looks like a blank or is
/// invisible: `"0.1\u00a0" (\u00a0 is a no-break space)`. For messages about what was found.
std::string quoted_text(std::string_view text, std::size_t most = 80);

/// The first invisible character of a text: its place and its name. Empty `name`: there is none.
struct Invisible {
  std::size_t at = 0;  ///< byte
  std::string name;    ///< "\u00a0 is a no-break space"
};
Invisible find_invisible(std::string_view text);

/// The text without such characters.
std::string without_invisible(std::string_view text);

/// Whether it holds a character of C0 (the tab, too), DEL, or one of C1.
bool has_control_character(std::string_view text);

}  // namespace espalier
