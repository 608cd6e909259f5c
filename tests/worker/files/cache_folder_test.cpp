#include "worker/files/cache_folder.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/base/other_user.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using std::filesystem::perms;

TEST(OwnCacheFolder, IsMadeForItsOwnerAloneAndFoundAgain) {
  const SharedFolder shared("espalier_cache_");
  const std::filesystem::path root = shared.path() / "deep" / "espalier-cache";
  make_own_cache_folder(root);
  EXPECT_EQ(std::filesystem::status(root).permissions(), perms(0700));
  make_own_cache_folder(root);
}

TEST(OwnCacheFolder, OneThatOthersMayWriteOrALinkIsRefused) {
  const SharedFolder shared("espalier_cache_");
  const std::filesystem::path root = shared.path() / "espalier-cache";
  std::filesystem::create_directory(root);
  std::filesystem::permissions(root, perms(0777));
  EXPECT_THROW(make_own_cache_folder(root), Error);
  std::filesystem::remove(root);
  std::filesystem::create_directory_symlink(shared.path(), root);
  EXPECT_THROW(make_own_cache_folder(root), Error);
}

TEST(OwnCacheFolder, OneThatSomebodyElseMadeFirstIsRefused) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be two users; run the tests as root");
  const SharedFolder shared("espalier_cache_");
  const std::filesystem::path root = shared.path() / "espalier-cache";
  ASSERT_EQ(as_other_user([&] { std::filesystem::create_directory(root); }), "");
  EXPECT_THROW(make_own_cache_folder(root), Error);
}

}  // namespace
}  // namespace espalier
