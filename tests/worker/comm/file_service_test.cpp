// Two ranks of one machine, in a pool that does not share the coordinator's folder: rank 0 fetches for both.
#include "worker/comm/file_service.h"

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "base/files.h"
#include "tests/worker/comm/two_ranks.h"
#include "worker/artifacts/artifact_store.h"

namespace espalier {
namespace {

class FileServices : public TwoRanks {
 protected:
  void SetUp() override {
    files_.begin(key_, stop_, &pulse_);
    service_.handle(Message{StoreHere{"another machine's"}});
  }
  void TearDown() override {
    TwoRanks::TearDown();
    if (leads()) std::filesystem::remove_all(folder_);
  }
  void handle(const Mail& mail) override { service_.handle(mail); }
  void turn() override { service_.pump(); }

  /// What this rank's compute thread was told, once it was.
  std::string bring(
      const FileName& file, const std::function<void()>& meanwhile = [] {}) {
    std::atomic<bool> ended{false};
    std::string why;
    std::thread compute([&] {
      why = files_.bring(file);
      ended = true;
    });
    pump_until([&] {
      meanwhile();
      return ended.load();
    });
    compute.join();
    return why;
  }
  /// Every piece that was asked for, of a file with these bytes.
  void answer_all(const std::string& bytes) {
    for (const Message& message : std::exchange(sent_, {})) {
      const FetchFile& fetch = std::get<FetchFile>(message);
      ++asked_;
      service_.handle(Message{FilePiece{0, fetch.file, fetch.offset, bytes.size(), sha256(bytes),
                                      bytes.substr(fetch.offset, kFilePieceBytes)}});
    }
  }

  // Of both ranks: mpirun's processes have one parent.
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_file_service_" + std::to_string(::getppid()) +
                                                testing::UnitTest::GetInstance()->current_test_info()->name());
  CacheFolder cache_{folder_ / "cache", 0};
  RankFiles files_{StorePaths{folder_ / "store"}, cache_};
  std::vector<Message> sent_;  ///< to the coordinator
  int asked_ = 0;
  FileService service_{mailbox(), files_, cache_, [this](Message message) { sent_.push_back(std::move(message)); }};
  const StageKey key_{sha256("a stage")};
  const FileName file_ = file_of_stage(FileKind::artifact, key_);
  const std::string bytes_ = std::string(kFilePieceBytes + 5, 'x');
  std::atomic<bool> stop_{false};
  Pulse pulse_;
};

TEST_F(FileServices, TheFirstRankOfAMachineFetchesForAll) {
  EXPECT_EQ(bring(file_, [&] { answer_all(bytes_); }), "");
  EXPECT_EQ(read_file(cache_.place(file_), 1 << 24), bytes_);
  meet();
  EXPECT_EQ(asked_, leads() ? 2 : 0);  // two pieces, once
  EXPECT_TRUE(service_.idle());
}

TEST_F(FileServices, WhyThereIsNoFileIsSaidToWhoWantsIt) {
  const auto refuse = [&] {
    for (const Message& message : std::exchange(sent_, {}))
      service_.handle(Message{FileMissing{0, std::get<FetchFile>(message).file, "it is gone"}});
  };
  if (me() == 1) {
    EXPECT_EQ(bring(file_), "it is gone");
    return;
  }
  pump_until([&] {
    const bool asked = !sent_.empty();
    refuse();
    return asked;
  });
}

TEST_F(FileServices, WhatARankLeftIsOfferedOnceAndReadInPieces) {
  if (!leads()) return;
  ArtifactStore(files_.store().artifacts(), &files_)
      .write(key_, {{{"kind", "weights"}}, {{"w", TensorType::u8, {3}, "abc"}}});
  EXPECT_TRUE(service_.pump());
  EXPECT_FALSE(service_.pump());
  ASSERT_EQ(sent_.size(), 1U);
  const OfferFile offer = std::get<OfferFile>(sent_[0]);
  EXPECT_EQ(offer.file, file_);
  EXPECT_TRUE(files_.is_sending_anything());
  service_.handle(Message{FetchFile{0, offer.file, key_, 0}});
  ASSERT_EQ(sent_.size(), 2U);
  const FilePiece& piece = std::get<FilePiece>(sent_[1]);
  EXPECT_EQ(piece.total, offer.total);
  EXPECT_EQ(sha256(piece.bytes), offer.sha256);
  service_.handle(Message{FileStored{0, offer.file, offer.sha256, ""}});
  EXPECT_FALSE(files_.is_sending_anything());
}

}  // namespace
}  // namespace espalier
