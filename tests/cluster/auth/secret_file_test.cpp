#include "cluster/auth/secret_file.h"

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/base/other_user.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::HasSubstr;

std::string secret_refusal(const std::filesystem::path& file) {
  try {
    read_secret_file(file, 100, "secret");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SecretFiles, AreNotWrittenWhereOthersMayReplaceThem) {
  for (const mode_t mode : {0777U, 0775U, 02775U, 0757U}) {
    const SharedFolder folder("espalier_secrets_", mode);
    const bool by_group = (mode & 2) == 0;  // of a group that is not numbered as we are: only root can choose it
    if (by_group && ::chown(folder.path().c_str(), ::geteuid(), ::geteuid() + 1) != 0) continue;
    ASSERT_EQ(::chmod(folder.path().c_str(), mode), 0);
    try {
      write_secret_file(folder.path() / "secret", "s", "secret");
      ADD_FAILURE() << "written into a folder of mode " << std::oct << mode;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("run: chmod go-w " + folder.path().string()));
    }
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "secret"));
  }
}

TEST(SecretFiles, AreWrittenIntoFoldersOfOnesOwnAndStickyOnes) {
  for (const mode_t mode : {0700U, 0755U, 01777U}) {
    const SharedFolder folder("espalier_secrets_", mode);
    write_secret_file(folder.path() / "secret", "s", "secret");
    EXPECT_EQ(read_secret_file(folder.path() / "secret", 100, "secret"), "s");
  }
  // A group that has its user's number is his alone, and his umask leaves it the right to write.
  const SharedFolder folder("espalier_secrets_", 0775);
  ESPALIER_NEEDS("users", ::chown(folder.path().c_str(), ::geteuid(), ::geteuid()) == 0,
                 "we have no such group; run the tests as root");
  write_secret_file(folder.path() / "secret", "s", "secret");
}

TEST(SecretFiles, OneThatSomebodyElsePutThereIsRefused) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be two users; run the tests as root");
  const SharedFolder folder("espalier_secrets_");
  const std::filesystem::path file = folder.path() / "secret", link = folder.path() / "link";
  ASSERT_EQ(as_other_user([&] { write_file_atomically(file, "theirs", 0600); }), "");
  EXPECT_THAT(secret_refusal(file), HasSubstr("belongs to another user (65534)"));
  std::filesystem::create_symlink(file, link);
  EXPECT_THAT(secret_refusal(link), HasSubstr("belongs to another user (65534)"));
}

}  // namespace
}  // namespace espalier
