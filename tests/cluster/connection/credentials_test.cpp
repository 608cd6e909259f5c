#include "cluster/connection/credentials.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "cluster/connection/certificate.h"
#include "tests/cluster/auth/store_folder.h"

namespace espalier {
namespace {

using testing::HasSubstr;

unsigned mode_of(const std::filesystem::path& file) {
  return static_cast<unsigned>(std::filesystem::status(file).permissions());
}

std::string credentials_refusal(const StorePaths& store) {
  try {
    const Credentials taken(store);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "they were taken";
}

TEST(Credentials, AreMadeOnceForTheirOwnerAlone) {
  const StoreFolder folder;
  const Credentials first(folder.paths());
  EXPECT_EQ(mode_of(folder.paths().secret()), 0600U);
  EXPECT_EQ(mode_of(folder.paths().certificate()), 0600U);
  EXPECT_EQ(mode_of(folder.paths().private_key()), 0600U);
  EXPECT_NE(first.tls(), nullptr);
  const Credentials again(folder.paths());
  EXPECT_EQ(again.secret(), first.secret());
  EXPECT_EQ(again.certificate(), first.certificate());
  EXPECT_EQ(first.certificate(), certificate_fingerprint(folder.paths()));
}

TEST(Credentials, ARotationIsFollowedOnce) {
  const StoreFolder folder;
  Credentials credentials(folder.paths());
  const std::string secret = credentials.secret();
  const auto certificate = credentials.certificate();
  const TlsPtr tls = credentials.tls();
  EXPECT_FALSE(credentials.follow_rotation());
  rotate_credentials(folder.paths());
  EXPECT_TRUE(credentials.follow_rotation());
  EXPECT_NE(credentials.secret(), secret);
  EXPECT_NE(credentials.certificate(), certificate);
  EXPECT_NE(credentials.tls(), tls);
  EXPECT_FALSE(credentials.follow_rotation());
}

TEST(Credentials, ARotationThatCannotBeReadLeavesTheOldOnesInForce) {
  const StoreFolder folder;
  Credentials credentials(folder.paths());
  const std::string secret = credentials.secret();
  write_file_atomically(folder.paths().secret(), "short", 0600);
  EXPECT_FALSE(credentials.follow_rotation());
  std::filesystem::remove(folder.paths().secret());
  EXPECT_FALSE(credentials.follow_rotation());
  EXPECT_EQ(credentials.secret(), secret);
}

TEST(Credentials, ACertificateWithoutItsKeyIsRefusedWithWhatToRun) {
  const StoreFolder folder, other;
  make_certificate(folder.paths());
  make_certificate(other.paths());
  std::filesystem::copy_file(other.paths().private_key(), folder.paths().private_key(),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(credentials_refusal(folder.paths()), HasSubstr("espalier token rotate"));
  write_file_atomically(folder.paths().certificate(), "garbage", 0600);
  EXPECT_THAT(credentials_refusal(folder.paths()), HasSubstr("espalier token rotate"));
}

TEST(Credentials, AKeyThatOthersCanReadIsRefused) {
  const StoreFolder folder;
  make_certificate(folder.paths());
  std::filesystem::permissions(folder.paths().private_key(), std::filesystem::perms(0640));
  EXPECT_THAT(credentials_refusal(folder.paths()), HasSubstr("chmod 600 " + folder.paths().private_key().string()));
}

}  // namespace
}  // namespace espalier
