#include "orchestrator/fetch/unpack_archive.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/cluster/auth/store_folder.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class UnpackArchive : public testing::Test {
 protected:
  UnpackArchive() {
    std::filesystem::create_directories(root_ / "made/set");
    std::filesystem::create_directories(folder());
    write_file_atomically(root_ / "made/set/a.bin", std::string(100'000, 'a'));
    write_file_atomically(root_ / "made/set/b.bin", "bb");
    write_file_atomically(root_ / "made/set/readme.html", "nobody asked for it");
  }
  /// By the tar that everybody has.
  void pack(const std::string& what = "set") {
    const std::string command = "tar -C " + (root_ / "made").string() + " -czf " + archive().string() + " " + what;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  std::string refusal(ErrorKind kind, const std::vector<ArchiveMember>& members) {
    try {
      unpack_members(archive(), members, folder());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    return "no error";
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder()))
      found.push_back(entry.path().filename().string());
    return found;
  }
  std::filesystem::path archive() const { return root_ / "set.tar.gz"; }
  std::filesystem::path folder() const { return root_ / "data"; }

  const std::vector<ArchiveMember> members_{{"set/a.bin", 100'000}, {"set/b.bin", 2}};
  StoreFolder root_;
};

TEST_F(UnpackArchive, WhatIsAskedForIsUnpackedByItsNameAndNothingElse) {
  pack();
  unpack_members(archive(), members_, folder());
  EXPECT_THAT(names(), UnorderedElementsAre("a.bin", "b.bin"));
  EXPECT_EQ(read_file(folder() / "a.bin", 1 << 20), std::string(100'000, 'a'));
  unpack_members(archive(), members_, folder());  // which is there already
  EXPECT_THAT(names(), UnorderedElementsAre("a.bin", "b.bin"));
}

TEST_F(UnpackArchive, AMemberOfAnotherSizeOrKindIsRefused) {
  pack();
  EXPECT_THAT(refusal(ErrorKind::corrupt, {{"set/a.bin", 99'999}}),
              AllOf(HasSubstr(archive().string()), HasSubstr("set/a.bin in it is no file of 99999 bytes")));
  std::filesystem::remove(root_ / "made/set/b.bin");
  std::filesystem::create_symlink("/etc/passwd", root_ / "made/set/b.bin");
  pack();
  EXPECT_THAT(refusal(ErrorKind::corrupt, {{"set/b.bin", 0}}), HasSubstr("set/b.bin in it is no file of 0 bytes"));
  EXPECT_THAT(names(), testing::IsEmpty());
}

TEST_F(UnpackArchive, OneThatIsIncompleteOrDamagedIsRefused) {
  pack("set/b.bin");
  EXPECT_THAT(refusal(ErrorKind::corrupt, members_), HasSubstr("has no set/a.bin; remove it, and fetch it again"));
  EXPECT_THAT(names(), UnorderedElementsAre("b.bin"));
  std::filesystem::remove(folder() / "b.bin");
  pack();
  std::filesystem::resize_file(archive(), std::filesystem::file_size(archive()) / 2);
  EXPECT_THAT(refusal(ErrorKind::corrupt, members_), HasSubstr("is no .tar.gz, or damaged"));
  write_file_atomically(archive(), "<html>");
  EXPECT_THAT(refusal(ErrorKind::corrupt, members_), HasSubstr("is no .tar.gz, or damaged"));
  EXPECT_THAT(names(), testing::IsEmpty());
}

TEST_F(UnpackArchive, OneThatUnpacksToMuchMoreThanItsMembersIsRefused) {
  write_file_atomically(root_ / "made/set/0.bin", std::string(20 << 20, '\0'));
  pack("set/0.bin set/b.bin");
  EXPECT_THAT(refusal(ErrorKind::corrupt, {{"set/b.bin", 2}}), HasSubstr("unpacks to more than 16777218 bytes"));
}

TEST_F(UnpackArchive, AnotherFileOfThatNameIsLeftAsItIs) {
  pack();
  write_file_atomically(folder() / "b.bin", "my");
  EXPECT_THAT(
      refusal(ErrorKind::invalid_input, members_),
      AllOf(HasSubstr((folder() / "b.bin").string() + ": is there, but is another file"), HasSubstr("move it away")));
  EXPECT_EQ(read_file(folder() / "b.bin", 100), "my");
}

}  // namespace
}  // namespace espalier
