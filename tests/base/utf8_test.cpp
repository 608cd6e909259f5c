#include "base/utf8.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(Utf8, TextIsLeftAlone) {
  using std::string_literals::operator""s;
  const std::string text = "plain \0 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb1 \xef\xbf\xbd"s;
  EXPECT_EQ(utf8_prefix(text), text.size());
  EXPECT_EQ(to_utf8(text), text);
  EXPECT_EQ(to_utf8(""), "");
}

TEST(Utf8, WhatIsNoCharacterIsReplacedByteForByte) {
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(to_utf8("a\xff"
                    "b"),
            "a" + mark + "b");
  EXPECT_EQ(to_utf8("\xe2\x82"), mark + mark);                    // cut within a character
  EXPECT_EQ(to_utf8("\xc0\xaf"), mark + mark);                    // an overlong slash
  EXPECT_EQ(to_utf8("\xed\xa0\x80x"), mark + mark + mark + "x");  // a surrogate
  EXPECT_EQ(to_utf8("\xf4\x90\x80\x80"), mark + mark + mark + mark);
  EXPECT_EQ(utf8_prefix("ok\x80"), 2U);
}

TEST(Utf8, WhatATerminalObeysOrNobodySeesIsEscaped) {
  EXPECT_EQ(printable("a\x1b[31m\r\n\t\x7f\u009b"), "a\\x1b[31m\\x0d\\n\t\\x7f\\x9b");
  EXPECT_EQ(printable("\u00a0\u200b\u202e\u2028\ufeff\U000e0041"), "\\u00a0\\u200b\\u202e\\u2028\\ufeff\\U000e0041");
  EXPECT_EQ(printable("\u00e9 \u20ac \U0001f331 \xff"), "\u00e9 \u20ac \U0001f331 \ufffd");
  EXPECT_EQ(printable_lines("a\x1b\nb\n"), "a\\x1b\nb\n");
}

TEST(Utf8, WhatIsInvisibleIsNamed) {
  EXPECT_EQ(find_invisible("plain \u00e9").name, "");
  const Invisible found = find_invisible("\u00e9a\u200bb\u00a0");
  EXPECT_EQ(found.at, 3U);
  EXPECT_EQ(found.name, "\\u200b is a zero-width space");
  EXPECT_EQ(without_invisible("\u00e9a\u200bb\u00a0"), "\u00e9ab");
  EXPECT_EQ(quoted_text("0.1\u00a0"), "\"0.1\\u00a0\" (\\u00a0 is a no-break space)");
  EXPECT_EQ(quoted_text("ab\u00e9", 3), "\"ab...\"");  // no half of a character
}

}  // namespace
}  // namespace espalier
