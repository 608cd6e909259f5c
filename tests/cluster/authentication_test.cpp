#include "cluster/authentication.h"

#include <filesystem>
#include <sys/stat.h>
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
  const std::string proof = prove_peer("secret", Role::pool, "a", "b");
  EXPECT_TRUE(proof_holds(prove_peer("secret", Role::pool, "a", "b"), proof));
  EXPECT_FALSE(proof_holds(prove_peer("other", Role::pool, "a", "b"), proof));
  EXPECT_FALSE(proof_holds(prove_peer("secret", Role::client, "a", "b"), proof));
  EXPECT_FALSE(proof_holds(prove_peer("secret", Role::pool, "x", "b"), proof));
  EXPECT_FALSE(proof_holds(prove_coordinator("secret", "a", "b"), proof));
}

TEST_F(Authentication, ConnectionFiles) {
  EXPECT_THROW(read_connection_file(folder_ / "connection.json"), Error);
  write_connection_file(folder_ / "connection.json", {"127.0.0.1", 4711, 99});
  EXPECT_EQ(read_connection_file(folder_ / "connection.json").port, 4711);
  write_file_atomically(folder_ / "connection.json", "{\"host\": 3}");
  EXPECT_THROW(read_connection_file(folder_ / "connection.json"), Error);
}

}  // namespace
}  // namespace espalier
