// A rank's two threads: one computes and waits for files, the other, the test's, answers.
#include "worker/files/rank_files.h"

#include <functional>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "worker/artifacts/artifact_store.h"

namespace espalier {
namespace {

class FilesOfARank : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(store_.probe().parent_path());
    files_.begin(key_, stop_, &pulse_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void share(bool shared) {
    write_file_atomically(store_.probe(), shared ? "probe" : "another");
    files_.decide("probe");
  }
  FetchFile next_request() {
    while (true) {
      if (const auto request = files_.take_request()) return *request;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  /// Of a compute thread that waits for a file: whether it gives up after it was asked to stop, and `then` happened.
  bool stops_waiting(const std::function<void()>& then) {
    share(false);
    bool stopped = false;
    std::thread compute([&] {
      try {
        files_.bring(file_);
      } catch (const StoppedWaiting&) {
        stopped = true;
      }
    });
    next_request();
    stop_ = true;
    then();
    compute.join();
    return stopped;
  }
  Safetensors content() const { return {{{"kind", "weights"}}, {{"w", TensorType::u8, {3}, bytes_}}}; }

  const std::string bytes_ = "abc";
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_rank_files_" + std::to_string(::getpid()));
  const StorePaths store_{folder_ / "store"};
  CacheFolder cache_{folder_ / "cache", 0};
  const StageKey key_{sha256("a stage")};
  const FileName file_ = file_of_stage(FileKind::artifact, key_);
  std::atomic<bool> stop_{false};
  Pulse pulse_;
  RankFiles files_{store_, cache_};
};

TEST_F(FilesOfARank, WorksOnTheStoreItselfWhereThatIsHere) {
  share(true);
  EXPECT_EQ(files_.store().root, store_.root);
  EXPECT_NE(files_.bring(file_), "");  // what is not in the store is nowhere else
  ArtifactStore(files_.store().artifacts(), &files_).write(key_, content());
  EXPECT_TRUE(files_.take_offers().empty());
  EXPECT_FALSE(files_.is_sending_anything());
}

TEST_F(FilesOfARank, DecidesOnce) {
  share(false);
  write_file_atomically(store_.probe(), "probe");
  files_.decide("probe");
  EXPECT_EQ(files_.store().root, cache_.root());
}

TEST_F(FilesOfARank, WaitsForWhatIsElsewhereAndItsHeartBeats) {
  share(false);
  std::string why = "not answered";
  std::thread compute([&] { why = files_.bring(file_); });
  const FetchFile request = next_request();
  EXPECT_EQ(request.file, file_);
  EXPECT_EQ(request.stage, key_);
  while (pulse_.beats() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(files_.take_request());  // it is asked for once
  files_.answer(file_, "");
  compute.join();
  EXPECT_EQ(why, "");
}

TEST_F(FilesOfARank, StopsWaitingWhenItIsAskedTo) {
  EXPECT_TRUE(stops_waiting([] {}));
  files_.answer(file_, "");  // too late: has no effect
}

TEST_F(FilesOfARank, TakesNoWordForItWhileItIsAskedToStop) {
  EXPECT_TRUE(stops_waiting([this] { files_.answer(file_, "whom we asked is gone"); }));
}

TEST_F(FilesOfARank, SendsWhatItLeftAsItWasThen) {
  share(false);
  const ArtifactStore artifacts(files_.store().artifacts(), &files_);
  artifacts.write(key_, content());
  const std::string bytes = read_file(artifacts.path_of(key_), 1 << 20);
  EXPECT_TRUE(files_.is_sending(key_));
  const auto offers = files_.take_offers();
  ASSERT_EQ(offers.size(), 1U);
  EXPECT_EQ(offers[0].file, file_);
  EXPECT_EQ(offers[0].total, bytes.size());
  EXPECT_EQ(offers[0].sha256, sha256(bytes));
  std::filesystem::remove(artifacts.path_of(key_));  // the cache made room
  const Message message = files_.read({7, file_, key_, 2});
  EXPECT_EQ(std::get<FilePiece>(message).bytes, bytes.substr(2));
  EXPECT_EQ(std::get<FilePiece>(message).rank, 7);
  files_.stored({7, file_, sha256("another"), ""});
  EXPECT_TRUE(files_.is_sending(key_));
  files_.stored({7, file_, sha256(bytes), ""});
  EXPECT_FALSE(files_.is_sending(key_));
  EXPECT_TRUE(std::holds_alternative<FileMissing>(files_.read({7, file_, key_, 0})));
}

TEST_F(FilesOfARank, AnArtifactThatIsDamagedHereIsBroughtAgain) {
  share(false);
  const ArtifactStore artifacts(files_.store().artifacts(), &files_);
  artifacts.write(key_, content());
  const std::string good = read_file(artifacts.path_of(key_), 1 << 20);
  std::string bad = good;
  bad.back() = static_cast<char>(bad.back() ^ 1);
  write_file_atomically(artifacts.path_of(key_), bad);
  std::string read;
  std::thread compute([&] { read = artifacts.read(key_).content.tensors.at(0).bytes; });
  next_request();
  write_file_atomically(cache_.place(file_), good);
  files_.answer(file_, "");
  compute.join();
  EXPECT_EQ(read, "abc");
}

}  // namespace
}  // namespace espalier
