// A file in pieces, with everything between: a broken connection, damage, another file under the same name.
#include "cluster/files/incoming_file.h"

#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "cluster/files/piece_reader.h"

namespace espalier {
namespace {

class IncomingFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// So many pieces, the last one of 3 bytes.
  std::string content(std::size_t pieces, char what = 'x') const {
    std::string bytes((pieces - 1) * kFilePieceBytes + 3, what);
    for (std::size_t i = 0; i < bytes.size(); i += 1000) bytes[i] = static_cast<char>(i / 1000 % 256);
    return bytes;
  }
  FilePiece piece(const std::string& bytes, std::uint64_t offset) const {
    return {0, file_, offset, bytes.size(), sha256(bytes), bytes.substr(offset, kFilePieceBytes)};
  }
  std::vector<std::uint64_t> requests() {
    std::vector<std::uint64_t> offsets;
    while (const auto offset = incoming_.next_request()) offsets.push_back(*offset / kFilePieceBytes);
    return offsets;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_incoming_" + std::to_string(::getpid()));
  const FileName file_ = file_of_stage(FileKind::artifact, {sha256("a stage")});
  IncomingFile incoming_{folder_ / "part"};
};

using Offsets = std::vector<std::uint64_t>;

TEST_F(IncomingFiles, AFewPiecesAreOnTheWayAndNoMore) {
  const std::string bytes = content(7);
  EXPECT_EQ(requests(), (Offsets{0}));  // the first one contains the length
  EXPECT_FALSE(incoming_.add(piece(bytes, 0)));
  EXPECT_EQ(requests(), (Offsets{1, 2, 3, 4}));
  EXPECT_FALSE(incoming_.add(piece(bytes, kFilePieceBytes)));
  EXPECT_EQ(requests(), (Offsets{5}));
  for (const std::uint64_t at : {2, 3, 4, 5}) EXPECT_FALSE(incoming_.add(piece(bytes, at * kFilePieceBytes)));
  EXPECT_EQ(requests(), (Offsets{6}));
  EXPECT_TRUE(incoming_.add(piece(bytes, 6 * kFilePieceBytes)));
  incoming_.put(folder_ / "file");
  EXPECT_EQ(read_file(folder_ / "file", bytes.size()), bytes);
}

TEST_F(IncomingFiles, GoesOnAtItsOffsetAfterABrokenConnection) {
  const std::string bytes = content(4);
  requests();
  incoming_.add(piece(bytes, 0));
  requests();
  incoming_.add(piece(bytes, kFilePieceBytes));
  incoming_.forget_requests();
  EXPECT_EQ(requests(), (Offsets{2, 3}));
  EXPECT_FALSE(incoming_.add(piece(bytes, kFilePieceBytes)));  // said twice
  EXPECT_EQ(incoming_.received(), 2 * kFilePieceBytes);
  incoming_.add(piece(bytes, 2 * kFilePieceBytes));
  EXPECT_TRUE(incoming_.add(piece(bytes, 3 * kFilePieceBytes)));
}

TEST_F(IncomingFiles, ADamagedPieceBeginsItAnewAndThreeTimesIsEnough) {
  const std::string bytes = content(2);
  FilePiece damaged = piece(bytes, kFilePieceBytes);
  damaged.bytes[1] = static_cast<char>(damaged.bytes[1] ^ 1);
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(requests(), (Offsets{0}));
    incoming_.add(piece(bytes, 0));
    EXPECT_EQ(requests(), (Offsets{1}));
    EXPECT_FALSE(incoming_.add(damaged));
    EXPECT_EQ(incoming_.received(), 0U);
  }
  requests();
  incoming_.add(piece(bytes, 0));
  requests();
  EXPECT_THROW(incoming_.add(damaged), Error);
}

TEST_F(IncomingFiles, AnotherFileUnderTheSameNameBeginsItAnew) {
  const std::string before = content(3), after = content(3, 'y');
  requests();
  incoming_.add(piece(before, 0));
  requests();
  EXPECT_FALSE(incoming_.add(piece(after, kFilePieceBytes)));
  EXPECT_EQ(requests(), (Offsets{0}));
  incoming_.add(piece(after, 0));
  requests();
  incoming_.add(piece(after, kFilePieceBytes));
  EXPECT_TRUE(incoming_.add(piece(after, 2 * kFilePieceBytes)));
  incoming_.put(folder_ / "file");
  EXPECT_EQ(read_file(folder_ / "file", after.size()), after);
}

TEST_F(IncomingFiles, AnEmptyFileIsAFile) {
  requests();
  EXPECT_TRUE(incoming_.add(piece("", 0)));
  incoming_.put(folder_ / "file");
  EXPECT_EQ(std::filesystem::file_size(folder_ / "file"), 0U);
}

TEST_F(IncomingFiles, WhatAReaderReadsArrives) {
  const std::string bytes = content(3);
  write_file_atomically(folder_ / "source", bytes);
  PieceReader reader;
  bool whole = false;
  while (const auto offset = incoming_.next_request())
    whole = incoming_.add(reader.read(file_, folder_ / "source", *offset));
  EXPECT_TRUE(whole);
  EXPECT_TRUE(reader.holds(folder_ / "source", bytes.size(), sha256(bytes)));
  write_file_atomically(folder_ / "source", content(3, 'y'));
  EXPECT_FALSE(reader.holds(folder_ / "source", bytes.size(), sha256(bytes)));
  EXPECT_THROW(reader.read(file_, folder_ / "source", bytes.size() + 1), Error);
  EXPECT_THROW(reader.read(file_, folder_ / "missing", 0), Error);
  EXPECT_THROW(reader.read(file_, folder_, 0), Error);
}

}  // namespace
}  // namespace espalier
