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

}  // namespace
}  // namespace espalier
