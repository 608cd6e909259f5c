#include "base/own_file.h"

#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/draft_file.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "tests/base/other_user.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::HasSubstr;

class OwnFiles : public testing::Test {
 protected:
  static void write(const std::filesystem::path& path, OwnFile how, const std::string& text) {
    const int descriptor = open_own_file(path, how);
    write_to(descriptor, text, path);
    ::close(descriptor);
  }
  static std::string refusal(const std::filesystem::path& path) {
    try {
      ::close(open_own_file(path, OwnFile::begin_anew));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  const SharedFolder folder_{"espalier_own_files_"};
  const std::filesystem::path file_ = folder_.path() / "a.log";
};

TEST_F(OwnFiles, AreAddedToOrBegunAnew) {
  write(file_, OwnFile::append, "one ");
  write(file_, OwnFile::append, "two");
  EXPECT_EQ(read_file(file_, 100), "one two");
  write(file_, OwnFile::begin_anew, "new");
  EXPECT_EQ(read_file(file_, 100), "new");
  EXPECT_THAT(refusal(folder_.path() / "none" / "a.log"), HasSubstr("opening it failed: No such file"));
}

TEST_F(OwnFiles, ALinkIsNotFollowedAndAPipeNotWaitedFor) {
  const auto real = folder_.path() / "real";
  std::ofstream(real) << "somebody's";
  std::filesystem::create_symlink(real, file_);
  EXPECT_THAT(refusal(file_), HasSubstr("a.log: is a symbolic link where a file of ours belongs; remove it"));
  EXPECT_THROW(log_to_file(file_, "test"), Error);
  EXPECT_EQ(read_file(real, 100), "somebody's");
  const auto pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0666), 0);
  EXPECT_NE(refusal(pipe), "");
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_THAT(refusal(pipe), HasSubstr("no regular file"));
  ::close(reader);
}

TEST_F(OwnFiles, OneThatSomebodyElseMadeIsRefused) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be another user; run the tests as root");
  write(file_, OwnFile::append, "root's");
  ::chmod(file_.c_str(), 0666);
  EXPECT_THAT(as_other_user([&] { write(file_, OwnFile::begin_anew, "x"); }), HasSubstr("is another user's (0)"));
  EXPECT_EQ(read_file(file_, 100), "root's");
}

}  // namespace
}  // namespace espalier
