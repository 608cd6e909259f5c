// One machine's fetches, with a fake coordinator: requests, notifications, and the files.
#include "worker/files/file_fetcher.h"

#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/files.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Fetching : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(cache_.root()); }

  FetchFile request(const std::string& name, FileKind kind = FileKind::artifact) const {
    const StageKey key{sha256(name)};
    return {0, file_of_stage(kind, key), key, 0};
  }
  FilePiece piece(const FetchFile& request, const std::string& bytes) const {
    return {
        0, request.file, request.offset, bytes.size(), sha256(bytes), bytes.substr(request.offset, kFilePieceBytes)};
  }
  /// Answers everything that is asked for with these bytes.
  void answer_all(const std::string& bytes) {
    while (!asked_.empty()) {
      const FetchFile request = asked_.front();
      asked_.erase(asked_.begin());
      fetcher_.handle(piece(request, bytes));
    }
  }
  std::vector<std::string> told() { return std::exchange(received_, {}); }

  CacheFolder cache_{std::filesystem::temp_directory_path() / ("espalier_fetcher_" + std::to_string(::getpid())), 0};
  std::vector<FetchFile> asked_;
  std::vector<std::string> received_;
  std::vector<std::pair<int, Message>> replies_;
  FileFetcher fetcher_{cache_, [this](const FetchFile& fetch) { asked_.push_back(fetch); },
                       [this](int rank, const FileName&, const std::string& why) {
                         received_.push_back(std::to_string(rank) + ":" + why);
                       },
                       [this](int rank, Message message) { replies_.emplace_back(rank, std::move(message)); }};
};

TEST_F(Fetching, TwoRanksThatWantTheSameFileWaitForOneFetch) {
  fetcher_.want(0, request("a"));
  fetcher_.want(3, request("a"));
  EXPECT_EQ(asked_.size(), 1U);
  answer_all("bytes");
  EXPECT_THAT(told(), ElementsAre("0:", "3:"));
  EXPECT_EQ(read_file(cache_.place(request("a").file), 100), "bytes");
  fetcher_.want(5, request("a"));  // and from now on it is here
  EXPECT_THAT(told(), ElementsAre("5:"));
  EXPECT_TRUE(asked_.empty());
  EXPECT_TRUE(fetcher_.idle());
}

TEST_F(Fetching, WhatIsMissingIsSaid) {
  fetcher_.want(1, request("a"));
  fetcher_.handle(FileMissing{0, request("a").file, "nobody has it"});
  EXPECT_THAT(told(), ElementsAre("1:nobody has it"));
  EXPECT_FALSE(std::filesystem::exists(cache_.place(request("a").file)));
}

TEST_F(Fetching, SeveralFilesShareWhatMayBeOnTheWay) {
  const std::string large(20 * kFilePieceBytes, 'x');
  fetcher_.want(0, request("large"));
  fetcher_.handle(piece(asked_.front(), large));
  asked_.erase(asked_.begin());
  EXPECT_EQ(asked_.size(), static_cast<std::size_t>(kPiecesOnTheWay));
  fetcher_.want(1, request("small"));
  EXPECT_EQ(asked_.size(), static_cast<std::size_t>(kPiecesOnTheWay));
  fetcher_.handle(piece(asked_.front(), large));
  EXPECT_EQ(asked_.size(), kPiecesOnTheWay + 1U);  // one came, one more was asked for
}

TEST_F(Fetching, AfterABrokenConnectionItGoesOnAtItsOffset) {
  const std::string bytes(3 * kFilePieceBytes, 'x');
  fetcher_.want(0, request("a"));
  const FetchFile first = asked_.front();
  asked_.clear();
  fetcher_.handle(piece(first, bytes));
  asked_.clear();  // lost with the connection
  fetcher_.ask_again();
  ASSERT_EQ(asked_.size(), 2U);
  EXPECT_EQ(asked_[0].offset, kFilePieceBytes);
  answer_all(bytes);
  EXPECT_THAT(told(), ElementsAre("0:"));
}

TEST_F(Fetching, AnotherMachineGetsItsPiecesFromHere) {
  const std::string bytes(kFilePieceBytes + 5, 'x');
  fetcher_.serve(8, request("a"));
  EXPECT_TRUE(replies_.empty());
  answer_all(bytes);
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].first, 8);
  EXPECT_EQ(std::get<FilePiece>(replies_[0].second).bytes.size(), kFilePieceBytes);
  FetchFile rest = request("a");
  rest.offset = kFilePieceBytes;
  fetcher_.serve(8, rest);
  EXPECT_TRUE(asked_.empty());
  ASSERT_EQ(replies_.size(), 2U);
  EXPECT_EQ(std::get<FilePiece>(replies_[1].second).bytes, "xxxxx");
}

TEST_F(Fetching, ACheckpointIsFetchedEachTime) {
  fetcher_.want(0, request("a", FileKind::checkpoint));
  answer_all("half");
  fetcher_.want(0, request("a", FileKind::checkpoint));
  EXPECT_EQ(asked_.size(), 1U);
  answer_all("more than half");
  EXPECT_EQ(read_file(cache_.place(request("a", FileKind::checkpoint).file), 100), "more than half");
}

// The pool itself stops the waiting ranks; the file gets no answer.
TEST_F(Fetching, WhenThePoolLeavesNoFileIsSaidToBeMissing) {
  fetcher_.want(0, request("a"));
  fetcher_.serve(4, request("b"));
  fetcher_.leave();
  EXPECT_THAT(told(), IsEmpty());
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<FileMissing>(replies_[0].second));
  asked_.clear();
  fetcher_.want(0, request("c"));
  EXPECT_TRUE(asked_.empty());
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(Fetching, WhatOneMachineSaysWhenItLeavesIsNoWordAboutTheFileOnTheNext) {
  fetcher_.serve(4, request("a"));
  fetcher_.leave();
  ASSERT_EQ(replies_.size(), 1U);
  FileFetcher next(
      cache_, [](const FetchFile&) {},
      [this](int rank, const FileName&, const std::string& why) {
        received_.push_back(std::to_string(rank) + ":" + why);
      },
      [](int, const Message&) {});
  next.want(4, request("a"));
  next.want(4, request("b"));
  next.handle(std::get<FileMissing>(replies_[0].second));
  EXPECT_THAT(told(), IsEmpty());
  next.handle(FileMissing{0, request("b").file, "nobody has it"});
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(next.idle());
}

/// As if it had been neither written nor read for so long.
void leave_unused(const std::filesystem::path& path, std::chrono::seconds since) {
  const std::timespec then{::time(nullptr) - since.count(), 0};
  const std::timespec times[] = {then, then};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

TEST(CacheFolders, WhatWasUsedLeastRecentlyGoes) {
  const auto root = std::filesystem::temp_directory_path() / ("espalier_cache_" + std::to_string(::getpid()));
  CacheFolder cache(root, 250);
  const auto file = [](const char* name) { return file_of_stage(FileKind::artifact, {sha256(name)}); };
  for (const char* name : {"a", "b", "c"}) {
    std::filesystem::create_directories(cache.place(file(name)).parent_path());
    write_file_atomically(cache.place(file(name)), std::string(100, 'x'));
    leave_unused(cache.place(file(name)), std::chrono::hours(name[0] == 'c' ? 2 : 5));
  }
  EXPECT_TRUE(cache.has(file("a")));  // used now
  cache.make_room();
  EXPECT_FALSE(cache.has(file("b")));
  EXPECT_TRUE(cache.has(file("a")));
  EXPECT_TRUE(cache.has(file("c")));
  std::filesystem::remove_all(root);
}

TEST(CacheFolders, AFetchKeepsAllThatItHasBroughtSoFar) {
  const auto root = std::filesystem::temp_directory_path() / ("espalier_needed_" + std::to_string(::getpid()));
  CacheFolder cache(root, 150);
  const std::string content = "a data set";
  for (const char* name : {"images", "labels"}) {
    const FileName file = dataset_file(content, name);
    std::filesystem::create_directories(cache.place(file).parent_path());
    write_file_atomically(cache.place(file), std::string(100, 'x'));
    leave_unused(cache.place(file), std::chrono::minutes(1));
    cache.grew(100);
  }
  EXPECT_TRUE(cache.has(dataset_file(content, "images")));
  EXPECT_TRUE(cache.has(dataset_file(content, "labels")));
  std::filesystem::remove_all(root);
}

// Its hash is known by the time of its writing; looking for it must not mean to read all of it again.
TEST(CacheFolders, UsingAFileIsNotWritingIt) {
  const auto root = std::filesystem::temp_directory_path() / ("espalier_used_" + std::to_string(::getpid()));
  const CacheFolder cache(root, 0);
  const FileName file = file_of_stage(FileKind::artifact, {sha256("a")});
  std::filesystem::create_directories(cache.place(file).parent_path());
  write_file_atomically(cache.place(file), "x");
  leave_unused(cache.place(file), std::chrono::hours(1));
  const auto written = std::filesystem::last_write_time(cache.place(file));
  EXPECT_TRUE(cache.has(file));
  EXPECT_EQ(std::filesystem::last_write_time(cache.place(file)), written);
  std::filesystem::remove_all(root);
}

TEST(CacheFolders, WhatElseLiesInTheFolderThatWasNamedStays) {
  const auto named = std::filesystem::temp_directory_path() / ("espalier_named_" + std::to_string(::getpid()));
  const auto others = named / "datasets" / "photographs.tar";
  std::filesystem::create_directories(others.parent_path());
  write_file_atomically(others, std::string(1000, 'x'));
  leave_unused(others, std::chrono::hours(1000));
  CacheFolder(cache_root(named, "store"), 100).make_room();
  EXPECT_TRUE(std::filesystem::exists(others));
  EXPECT_EQ(cache_root("", "store"), "store/cache");
  std::filesystem::remove_all(named);
}

}  // namespace
}  // namespace espalier
