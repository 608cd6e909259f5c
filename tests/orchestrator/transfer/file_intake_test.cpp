#include "orchestrator/transfer/file_intake.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "experiments/formats/safetensors.h"

namespace espalier {
namespace {

constexpr PoolId kPool = 1;

/// A pool that offers files, and sends the pieces that it is asked for.
class Intake : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(paths_.root); }
  void TearDown() override { std::filesystem::remove_all(paths_.root); }

  static std::string content(std::size_t bytes, char what = 'x') { return std::string(bytes, what); }
  OfferFile offer(const std::string& bytes, FileKind kind = FileKind::artifact, const std::string& name = "stage") {
    const StageKey key{sha256(name)};
    const FileName file = file_of_stage(kind, key);
    held_[file] = bytes;
    return {2, file, key, bytes.size(), sha256(bytes)};
  }
  /// Answers requests until there are no more; returns the files acknowledged as stored.
  std::vector<FileStored> serve(FileIntake::Replies replies, int pieces = 1000) {
    std::vector<FileStored> stored;
    while (!replies.empty()) {
      const auto [pool, message] = replies.front();
      replies.erase(replies.begin());
      if (const FileStored* done = std::get_if<FileStored>(&message)) stored.push_back(*done);
      const FetchFile* fetch = std::get_if<FetchFile>(&message);
      if (fetch == nullptr || pieces-- <= 0) continue;
      EXPECT_EQ(fetch->rank, 2);
      const std::string& bytes = held_.at(fetch->file);
      ++sent_;
      for (auto& reply : intake_.handle(pool, FilePiece{2, fetch->file, fetch->offset, bytes.size(), sha256(bytes),
                                                        bytes.substr(fetch->offset, kFilePieceBytes)})) {
        replies.push_back(std::move(reply));
      }
    }
    return stored;
  }
  std::string stored_bytes(const FileName& file) {
    return read_file(file.kind == FileKind::checkpoint ? paths_.checkpoint(stage_key_from_hex(file.name))
                                                       : place_of(paths_.root, file),
                     64 << 20);
  }

  const StorePaths paths_{std::filesystem::temp_directory_path() / ("espalier_intake_" + std::to_string(::getpid()))};
  std::map<FileName, std::string> held_;
  int sent_ = 0;
  PlacedFiles placed_;
  FileIntake intake_{paths_, placed_};
};

TEST_F(Intake, WhatIsOfferedIsFetchedVerifiedAndStored) {
  for (const FileKind kind : {FileKind::artifact, FileKind::resume, FileKind::checkpoint}) {
    const OfferFile one = offer(content(5 * kFilePieceBytes + 7), kind);
    const auto stored = serve(intake_.offer(kPool, one));
    ASSERT_EQ(stored.size(), 1U);
    EXPECT_EQ(stored[0].why, "");
    EXPECT_EQ(stored[0].file, one.file);
    EXPECT_EQ(stored_bytes(one.file), held_[one.file]);
  }
  EXPECT_TRUE(std::filesystem::is_empty(paths_.uploads()));
}

TEST_F(Intake, WhatIsThereAlreadyIsNotFetchedAgain) {
  const OfferFile one = offer(content(100));
  serve(intake_.offer(kPool, one));
  const int before = sent_;
  EXPECT_EQ(serve(intake_.offer(7, one)).size(), 1U);
  EXPECT_EQ(sent_, before);
  EXPECT_EQ(serve(intake_.offer(7, offer(content(100, 'y')))).size(), 1U);  // other bytes take its place
  EXPECT_EQ(stored_bytes(one.file), content(100, 'y'));
}

TEST_F(Intake, AFewPiecesAreOnTheWayAndOneFileAtATime) {
  intake_.offer(kPool, offer(content(100), FileKind::artifact, "first"));
  EXPECT_TRUE(intake_.offer(kPool, offer(content(100), FileKind::artifact, "second")).empty());
  const auto replies = intake_.handle(kPool, FilePiece{2, file_of_stage(FileKind::artifact, {sha256("first")}), 0, 100,
                                                       sha256(content(100)), content(100)});
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<FileStored>(replies[0].message));
  EXPECT_EQ(std::get<FetchFile>(replies[1].message).file, file_of_stage(FileKind::artifact, {sha256("second")}));
}

TEST_F(Intake, GoesOnWhereItWasAfterABrokenConnection) {
  const OfferFile one = offer(content(6 * kFilePieceBytes));
  EXPECT_TRUE(serve(intake_.offer(kPool, one), 3).empty());
  intake_.silence(kPool);
  EXPECT_EQ(serve(intake_.offer(kPool, one)).size(), 1U);  // the pool is back, and says it again
  EXPECT_EQ(sent_, 6);
  EXPECT_EQ(stored_bytes(one.file), held_[one.file]);
}

TEST_F(Intake, ASilentPoolIsAskedForNothingWhileOthersSend) {
  const OfferFile one = offer(content(6 * kFilePieceBytes));
  EXPECT_TRUE(serve(intake_.offer(kPool, one), 3).empty());
  intake_.silence(kPool);
  EXPECT_EQ(serve(intake_.offer(7, offer(content(10), FileKind::resume))).size(), 1U);
  EXPECT_EQ(sent_, 4);
  EXPECT_EQ(serve(intake_.offer(kPool, one)).size(), 1U);
  EXPECT_EQ(stored_bytes(one.file), held_[one.file]);
}

TEST_F(Intake, DamageIsNoticedAndAFileThatIsNeverGoodIsRefused) {
  OfferFile one = offer(content(100));
  FileIntake::Replies replies = intake_.offer(kPool, one);
  FilePiece bad{2, one.file, 0, 100, one.sha256, content(100, 'z')};
  for (int time = 0; time < 2; ++time) {
    replies = intake_.handle(kPool, bad);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(std::get<FetchFile>(replies[0].message).offset, 0U);
  }
  replies = intake_.handle(kPool, bad);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_NE(std::get<FileStored>(replies[0].message).why, "");
  EXPECT_FALSE(std::filesystem::exists(place_of(paths_.root, one.file)));
  EXPECT_TRUE(std::filesystem::is_empty(paths_.uploads()));
}

TEST_F(Intake, AStoreThatCannotBeWrittenIsWaitedFor) {
  write_file_atomically(paths_.artifacts(), "in the way");
  const OfferFile one = offer(content(100));
  EXPECT_TRUE(serve(intake_.offer(kPool, one)).empty());
  EXPECT_TRUE(intake_.waits_for_space());
  std::filesystem::remove(paths_.artifacts());
  std::filesystem::create_directories(paths_.artifacts());
  EXPECT_EQ(serve(intake_.try_again()).size(), 1U);
  EXPECT_EQ(stored_bytes(one.file), held_[one.file]);
}

TEST_F(Intake, ANewerCheckpointTakesThePlaceOfOneThatIsOnItsWay) {
  const OfferFile old = offer(content(3 * kFilePieceBytes), FileKind::checkpoint);
  EXPECT_TRUE(serve(intake_.offer(kPool, old), 1).empty());
  const OfferFile newer = offer(content(2 * kFilePieceBytes, 'y'), FileKind::checkpoint);
  intake_.offer(kPool, newer);
  // What is still asked for is answered from the newer one: the rank has no other any more.
  const std::string& bytes = held_.at(newer.file);
  const auto stored = serve(intake_.handle(
      kPool, FilePiece{2, newer.file, kFilePieceBytes, bytes.size(), sha256(bytes), bytes.substr(kFilePieceBytes)}));
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].sha256, newer.sha256);
  EXPECT_EQ(stored_bytes(newer.file), bytes);
}

TEST_F(Intake, OfTwoCheckpointsTheOneThatGotFurtherStays) {
  const auto checkpoint = [](int step) {
    const std::string weights = content(4 * 1000);
    return to_safetensors({{{"state", "{\"step\":" + std::to_string(step) + "}"}},
                           {{"w", TensorType::f32, {1000}, std::string_view(weights)}}});
  };
  const OfferFile old = offer(checkpoint(20), FileKind::checkpoint);
  EXPECT_EQ(serve(intake_.offer(kPool, old)).size(), 1U);
  EXPECT_EQ(serve(intake_.offer(7, offer(checkpoint(9), FileKind::checkpoint))).size(), 1U);
  EXPECT_EQ(stored_bytes(old.file), checkpoint(20));
  EXPECT_EQ(serve(intake_.offer(7, offer(content(5000), FileKind::checkpoint))).size(), 1U);  // damaged
  EXPECT_EQ(stored_bytes(old.file), checkpoint(20));
  EXPECT_EQ(serve(intake_.offer(7, offer(checkpoint(100), FileKind::checkpoint))).size(), 1U);
  EXPECT_EQ(stored_bytes(old.file), checkpoint(100));
  EXPECT_TRUE(std::filesystem::is_empty(paths_.uploads()));
}

TEST_F(Intake, WhatNobodyAskedForAndWhatNoStageLeavesChangesNothing) {
  const OfferFile one = offer(content(10));
  EXPECT_TRUE(intake_.handle(kPool, FilePiece{2, one.file, 0, 10, one.sha256, content(10)}).empty());
  EXPECT_FALSE(std::filesystem::exists(place_of(paths_.root, one.file)));
  EXPECT_THROW(intake_.offer(kPool, {0, dataset_listing("c"), one.stage, 1, one.sha256}), Error);
  EXPECT_THROW(intake_.offer(kPool, {0, one.file, {sha256("another")}, 1, one.sha256}), Error);
}

TEST_F(Intake, APoolThatIsGoneLeavesNothingBehind) {
  serve(intake_.offer(kPool, offer(content(3 * kFilePieceBytes))), 1);
  intake_.forget(kPool);
  EXPECT_TRUE(std::filesystem::is_empty(paths_.uploads()));
  EXPECT_EQ(serve(intake_.offer(2, offer(content(10), FileKind::resume))).size(), 1U);
}

}  // namespace
}  // namespace espalier
