#include "cluster/protocol/wire_scan.h"

#include <string>

#include <gmock/gmock.h>

#include "base/error.h"
#include "cluster/protocol/protocol.h"

namespace espalier {
namespace {

using testing::HasSubstr;

/// Why the bytes are refused; "" if they are not.
std::string refusal(const std::string& bytes) {
  try {
    scan_wire(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    return error.what();
  }
  return "";
}

/// An array of 2^32 or fewer elements, all of them the same byte.
std::string list_of(std::uint32_t count, char element) {
  std::string bytes("\x9a");
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(count >> shift & 255);
  return bytes.append(count, element);
}

TEST(WireScan, WhatWeWriteIsPassed) {
  for (const Message& message : {Message{Challenge{}}, Message{Leave{}}, Message{ToRank{3, std::string(70000, 'x')}}}) {
    EXPECT_EQ(refusal(encode(message)), "");
  }
  FilePiece piece;
  piece.bytes = std::string(kFilePieceBytes, 'x');
  EXPECT_EQ(refusal(encode(piece)), "");
  EXPECT_EQ(refusal("\xf9\x7e\x01"), "");  // half a NaN
  EXPECT_EQ(refusal("\xf6"), "");
}

TEST(WireScan, AMillionValuesAndNoMore) {
  EXPECT_EQ(refusal(list_of(kMostWireValues - 1, '\1')), "");
  EXPECT_THAT(refusal(list_of(kMostWireValues, '\1')), HasSubstr("too many values"));
  EXPECT_THAT(refusal(list_of(16 << 20, '\x80')), HasSubstr("too many values"));  // empty lists, 64 bytes each if built
}

TEST(WireScan, SixteenLevelsAndNoMore) {
  EXPECT_EQ(refusal(std::string(16, '\x81') + "\1"), "");
  EXPECT_THAT(refusal(std::string(17, '\x81') + "\1"), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal(std::string(16 << 20, '\x81')), HasSubstr("nested too deeply"));
}

// The JSON library reads a string in pieces by calling itself, and so a string of strings of strings ... until the
// stack is full.
TEST(WireScan, StringsInPiecesAreRefused) {
  EXPECT_THAT(refusal(std::string(16 << 20, '\x7f')), HasSubstr("no length given in advance"));
  EXPECT_THAT(refusal(std::string(16 << 20, '\x5f')), HasSubstr("no length given in advance"));
  EXPECT_THAT(refusal("\x9f\xff"), HasSubstr("no length given in advance"));
}

TEST(WireScan, LengthsBeyondTheEndAreRefused) {
  const std::string most(8, '\xff');
  for (const char* major : {"\x5b", "\x7b", "\x9b"})
    EXPECT_THAT(refusal(major + most + "x"), HasSubstr("it ends within"));
  EXPECT_THAT(refusal(""), HasSubstr("it ends within"));
  EXPECT_THAT(refusal("\x82\x01"), HasSubstr("it ends within"));
  EXPECT_THAT(refusal("\x01\x01"), HasSubstr("goes on after its end"));
}

TEST(WireScan, MapsAndTagsAreRefused) {
  EXPECT_THAT(refusal("\xa0"), HasSubstr("no message has"));
  EXPECT_THAT(refusal("\xc1\x01"), HasSubstr("no message has"));
}

}  // namespace
}  // namespace espalier
