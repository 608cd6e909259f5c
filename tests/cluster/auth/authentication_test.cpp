#include "cluster/auth/authentication.h"

#include <filesystem>
#include <sys/stat.h>
#include <type_traits>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {
namespace {

class Authentication : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_authentication_test" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(Authentication, TheSecretIsMadeOnceForItsOwnerAlone) {
  const std::string secret = load_or_create_secret(folder_ / "secret");
  EXPECT_EQ(secret.size(), 32U);
  EXPECT_EQ(load_or_create_secret(folder_ / "secret"), secret);
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(Authentication, ASecretThatOthersCanReadIsRefused) {
  load_or_create_secret(folder_ / "secret");
  ::chmod((folder_ / "secret").c_str(), 0644);
  EXPECT_THROW(load_secret(folder_ / "secret"), Error);
}

TEST_F(Authentication, AProofFitsOneSideOneRoleAndOnePairOfNoncesOnly) {
  const std::string proof = prove_peer("secret", Role::pool, "a", "b", "");
  EXPECT_TRUE(proof_holds(prove_peer("secret", Role::pool, "a", "b", ""), proof));
  EXPECT_FALSE(proof_holds(prove_peer("other", Role::pool, "a", "b", ""), proof));
  EXPECT_FALSE(proof_holds(prove_peer("secret", Role::client, "a", "b", ""), proof));
  EXPECT_FALSE(proof_holds(prove_peer("secret", Role::pool, "x", "b", ""), proof));
  EXPECT_FALSE(proof_holds(prove_coordinator("secret", "a", "b", ""), proof));
  EXPECT_FALSE(proof_holds(prove_peer("secret", Role::pool, "a", "b", "another session"), proof));
}

// proof_holds can compare only digests, all of one length and in constant time: there is no way from texts to the
// comparison but through a hash, so how much of a guess is right does not show.
TEST_F(Authentication, ProofsAreComparedInConstantTimeByConstruction) {
  static_assert(std::is_invocable_v<decltype(equal_in_constant_time), const Digest&, const Digest&>);
  static_assert(!std::is_invocable_v<decltype(equal_in_constant_time), const std::string&, const std::string&>);
  const std::string proof = prove_coordinator("secret", "a", "b", "");
  EXPECT_TRUE(proof_holds(proof, proof));
  EXPECT_FALSE(proof_holds(proof, ""));
  EXPECT_FALSE(proof_holds(proof, proof.substr(0, 31)));
  EXPECT_FALSE(proof_holds(proof, proof + '\0'));
  for (std::size_t i = 0; i < proof.size(); ++i) {
    std::string wrong = proof;
    wrong[i] ^= 1;
    EXPECT_FALSE(proof_holds(proof, wrong));
  }
}

TEST_F(Authentication, ConnectionFiles) {
  EXPECT_THROW(read_connection_file(folder_ / "connection.json"), Error);
  write_connection_file(folder_ / "connection.json", {"127.0.0.1", 4711, 99, sha256("certificate")});
  EXPECT_EQ(read_connection_file(folder_ / "connection.json").port, 4711);
  write_connection_file(folder_ / "connection.json", {"10.0.0.1", 4711, 99, sha256("certificate")});
  EXPECT_EQ(read_connection_file(folder_ / "connection.json").certificate, sha256("certificate"));
  write_file_atomically(folder_ / "connection.json", R"({"host": "a", "port": 1, "pid": 1})");
  EXPECT_THROW(read_connection_file(folder_ / "connection.json"), Error);
  write_file_atomically(folder_ / "connection.json", R"({"host": "a", "port": 1, "pid": 1, "tls": "yes"})");
  EXPECT_THROW(read_connection_file(folder_ / "connection.json"), Error);
  write_file_atomically(folder_ / "connection.json", "{\"host\": 3}");
  EXPECT_THROW(read_connection_file(folder_ / "connection.json"), Error);
}

}  // namespace
}  // namespace espalier
