#include "base/sha256.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

TEST(Sha256, KnownAnswers) {
  // FIPS 180-4 and RFC 4231, test case 2.
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Sha256, HexRoundTripRefusesWhatIsNotADigest) {
  const Digest digest = sha256("x");
  EXPECT_EQ(digest_from_hex(to_hex(digest)), digest);
  EXPECT_THROW(digest_from_hex("abc"), Error);
  EXPECT_THROW(digest_from_hex(std::string(64, 'g')), Error);
}

TEST(Sha256, BitByBitItIsTheSame) {
  Sha256 hash;
  for (const char* part : {"", "a", "bc"}) hash.add(part);
  EXPECT_EQ(hash.finish(), sha256("abc"));
}

TEST(Sha256, FileEqualsItsBytes) {
  const auto path = std::filesystem::temp_directory_path() / "espalier_sha256_test";
  const std::string bytes(3000000, 'q');
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(sha256_file(path), sha256(bytes));
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_file(path), Error);
}

}  // namespace
}  // namespace espalier
