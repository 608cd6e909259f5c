#include "experiments/paths/output_file.h"

#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/base/other_user.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class OutputFiles : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
    return folder_.path() / name;
  }
  std::filesystem::path link(const std::string& name, const std::filesystem::path& to) const {
    std::filesystem::create_symlink(to, folder_.path() / name);
    return folder_.path() / name;
  }
  static std::string refusal(const std::vector<std::filesystem::path>& outputs, const OutputRules& rules) {
    try {
      check_outputs(outputs, rules);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      return error.what();
    }
    return "";
  }

  const SharedFolder folder_{"espalier_outputs_", 0755};
  const OutputRules keep_{Overwrite::refuse, folder_.path() / "nowhere", {}};
  const OutputRules replace_{Overwrite::allow, folder_.path() / "nowhere", {}};
};

TEST_F(OutputFiles, OneThatIsThereIsReplacedOnlyWhenToldTo) {
  const auto there = file("there", "old");
  EXPECT_THAT(refusal({there}, keep_), HasSubstr("there: is there already; name another file, or give --force"));
  EXPECT_EQ(refusal({there}, replace_), "");
  write_output(there, "new");
  EXPECT_EQ(read_file(there, 100), "new");
  EXPECT_EQ(refusal({folder_.path() / "missing"}, keep_), "");
}

TEST_F(OutputFiles, LinksAreFollowedAndStay) {
  const auto real = file("real", "old"), there = link("link", "real"), chain = link("chain", "link");
  const auto open = link("open", folder_.path() / "missing"), circle = link("circle", "circle");
  EXPECT_THAT(refusal({chain}, keep_), HasSubstr("is there already"));
  write_output(chain, "new");
  EXPECT_EQ(read_file(real, 100), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(there) && std::filesystem::is_symlink(chain));
  EXPECT_EQ(refusal({open}, keep_), "");
  write_output(open, "first");
  EXPECT_EQ(read_file(folder_.path() / "missing", 100), "first");
  EXPECT_NE(refusal({circle}, replace_), "");
}

TEST_F(OutputFiles, APipeGetsTheBytesAndStays) {
  const auto pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(refusal({pipe}, keep_), "");
  std::string got;
  std::thread reader([&] {
    std::ifstream in(pipe);
    got.assign(std::istreambuf_iterator<char>(in), {});
  });
  write_output(pipe, std::string(3 << 20, 'x'));
  reader.join();
  EXPECT_EQ(got.size(), std::size_t{3} << 20);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
}

TEST_F(OutputFiles, ADeviceGetsTheBytesAndStays) {
  const auto null = link("null", "/dev/null");
  EXPECT_EQ(refusal({null, null}, keep_), "");
  write_output(null, "gone");
  EXPECT_TRUE(std::filesystem::is_character_file(null));
  try {
    write_output(link("full", "/dev/full"), "x");
    FAIL() << "a full device took a byte";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted) << error.what();
  }
}

TEST_F(OutputFiles, WhatIsOpenAlreadyIsWrittenOnWithoutBeingEmptied) {
  const auto there = file("there", "before ");
  const int opened = ::open(there.c_str(), O_WRONLY | O_APPEND);
  ASSERT_GE(opened, 0);
  for (const char* folder : {"/dev/fd/", "/proc/self/fd/"}) {
    const std::filesystem::path named = folder + std::to_string(opened);
    EXPECT_EQ(refusal({named}, keep_), "");
    EXPECT_THAT(refusal({named, named}, keep_), HasSubstr("is to be written twice"));
    write_output(named, "more ");
  }
  ::close(opened);
  EXPECT_EQ(read_file(there, 100), "before more more ");
  EXPECT_TRUE(is_standard_output("/dev/stdout") && is_standard_output("/dev/fd/1"));
  EXPECT_FALSE(is_standard_output("/dev/fd/12") || is_standard_output("/dev/fd/1x") || is_standard_output(there));
}

TEST_F(OutputFiles, NothingIsWrittenIntoAStore) {
  file("store/espalier.db", "all results");
  file("store/artifacts/ab/key", "weights");
  const auto store = folder_.path() / "store";
  const auto to_it = link("innocent", "store/espalier.db");
  for (const auto& path : {store / "espalier.db", store / "artifacts" / "ab" / "key", store / "new", to_it,
                           folder_.path() / "nowhere" / ".." / "store" / "new"}) {
    EXPECT_THAT(refusal({path}, replace_), HasSubstr("lies in the store")) << path;
  }
  EXPECT_THAT(refusal({folder_.path() / "nowhere" / "x"}, replace_), HasSubstr("lies in the store"));
  file("espalier.db", "a backup of that name");
  EXPECT_EQ(refusal({folder_.path() / "new"}, replace_), "");
}

TEST_F(OutputFiles, NoPlaceIsWrittenTwiceAndNoInputAtAll) {
  const auto a = folder_.path() / "a", module = file("net.pt", "module");
  const auto again = folder_.path() / "." / "a", linked = link("linked", "a");
  EXPECT_EQ(refusal({a, folder_.path() / "b", ""}, replace_), "");
  for (const auto& other : {a, again, linked})
    EXPECT_THAT(refusal({a, other}, replace_), HasSubstr("is to be written twice")) << other;
  OutputRules rules = replace_;
  rules.inputs = {"", module};
  EXPECT_THAT(refusal({module}, rules), HasSubstr("is what this command reads"));
  EXPECT_THAT(refusal({link("to-module", module)}, rules), HasSubstr("is what this command reads"));
}

TEST_F(OutputFiles, AFolderThatCannotBeWrittenIsNamedBeforeAnything) {
  const auto missing = folder_.path() / "missing" / "deep" / "file";
  EXPECT_THAT(refusal({folder_.path() / "fine", missing}, replace_),
              AllOf(HasSubstr("missing/deep/file: no file can be made in the folder "),
                    HasSubstr("(No such file or directory); make it, or name another place")));
  const auto there = file("there", "old");
  EXPECT_THAT(refusal({there / "file"}, replace_), HasSubstr("Not a directory"));
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be another user");
  EXPECT_THAT(as_other_user([&] { check_outputs({folder_.path() / "new"}, replace_); }),
              HasSubstr("(Permission denied); name another place"));
}

TEST_F(OutputFiles, FoldersAreRefused) {
  EXPECT_THAT(refusal({folder_.path()}, replace_), HasSubstr("is a folder"));
  EXPECT_THAT(refusal({folder_.path() / ""}, replace_), HasSubstr("is a folder"));
}

}  // namespace
}  // namespace espalier
