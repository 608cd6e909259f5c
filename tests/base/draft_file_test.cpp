#include "base/draft_file.h"

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/base/other_user.h"
#include "tests/needs.h"

namespace espalier {
namespace {

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

/// As long as it lives.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

TEST(DraftFiles, TakeTheirNameWhenPutAndAreGoneOtherwise) {
  const SharedFolder folder("espalier_drafts_", 0700);
  {
    DraftFile draft(folder.path() / "a");
    draft.write("whole");
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "a"));
    draft.put();
  }
  { DraftFile(folder.path() / "b").write("half"); }
  EXPECT_EQ(read_file(folder.path() / "a", 100), "whole");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(DraftFiles, ModesOfTheOwnerAloneAreExactAndOthersFollowTheUmask) {
  const SharedFolder folder("espalier_drafts_", 0700);
  for (const mode_t mask : {0U, 022U, 0777U}) {
    const Umask here(mask);
    EXPECT_EQ(mode_of(DraftFile(folder.path() / "secret", 0600).path()), 0600U);
    EXPECT_EQ(mode_of(DraftFile(folder.path() / "plain").path()), 0644U & ~mask);
  }
}

TEST(DraftFiles, NoTwoHaveOneName) {
  const SharedFolder folder("espalier_drafts_", 0700);
  const DraftFile one(folder.path() / "a"), other(folder.path() / "a");
  EXPECT_NE(one.path(), other.path());
  for (const DraftFile* draft : {&one, &other}) {
    const std::string name = draft->path().filename();
    EXPECT_EQ(draft_ending(name).pid, std::to_string(::getpid()));
    EXPECT_EQ(draft_ending(name).begins_at, 1U);
  }
}

TEST(DraftFiles, AreKnownByTheirNames) {
  EXPECT_EQ(draft_ending("key.safetensors.tmp12-0a3f").pid, "12");
  EXPECT_EQ(draft_ending("key.safetensors.tmp12").pid, "12");
  for (const char* other : {"key", "key.tmp", "key.tmp12-", "key.tmp12-xyz", "key.tmp12x", "key.tmp-0a"})
    EXPECT_EQ(draft_ending(other).pid, "") << other;
}

TEST(DraftFiles, WhatIsThereIsNeitherWrittenNorFollowed) {
  const SharedFolder folder("espalier_drafts_", 0700);
  const std::filesystem::path taken = folder.path() / "taken", link = folder.path() / "link";
  write_file_atomically(taken, "theirs");
  std::filesystem::create_symlink(folder.path() / "elsewhere", link);
  EXPECT_THROW(create_new_file(taken, 0600), Error);
  EXPECT_THROW(create_new_file(link, 0600), Error);
  EXPECT_EQ(read_file(taken, 100), "theirs");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "elsewhere"));
}

// A colleague in a folder of both makes the files that a process of ours would have written its secret to.
TEST(DraftFiles, FilesThatSomebodyMadeBeforehandCatchNothing) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be two users; run the tests as root");
  const SharedFolder folder("espalier_drafts_");
  const std::filesystem::path file = folder.path() / "secret";
  const std::filesystem::path trap = file.string() + ".tmp" + std::to_string(::getpid());
  ASSERT_EQ(as_other_user([&] {
              std::ofstream trapped(trap);
              if (::chmod(trap.c_str(), 0666) != 0) throw std::runtime_error("no trap");
            }),
            "");
  write_file_atomically(file, "s", 0600);
  struct stat status {};
  ASSERT_EQ(::lstat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, ::geteuid());
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(read_file(trap, 100), "");
}

}  // namespace
}  // namespace espalier
