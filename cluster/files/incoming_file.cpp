#include "cluster/files/incoming_file.h"

#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

constexpr int kMostDamaged = 3;

}  // namespace

IncomingFile::IncomingFile(std::filesystem::path temporary) : file_(std::move(temporary)) {}

std::optional<std::uint64_t> IncomingFile::next_request() {
  if (on_the_way() >= kPiecesOnTheWay) return std::nullopt;
  if (asked_.empty()) next_ = received_;  // ignored pieces are requested again
  // The first piece contains the file's size.
  if (begun_ ? next_ >= total_ : !asked_.empty()) return std::nullopt;
  const std::uint64_t offset = next_;
  asked_.insert(offset);
  next_ += kFilePieceBytes;
  return offset;
}

void IncomingFile::forget_requests() {
  asked_.clear();
}

void IncomingFile::begin_anew() {
  file_.clear();
  hash_ = Sha256();
  received_ = 0;
  begun_ = false;
  asked_.clear();
}

bool IncomingFile::add(const FilePiece& piece) {
  asked_.erase(piece.offset);
  if (begun_ && (piece.sha256 != promised_ || piece.total != total_)) begin_anew();
  if (piece.offset != received_) return false;
  if (piece.bytes.empty() && piece.total != 0) throw Error(ErrorKind::corrupt, "a piece of a file is empty");
  begun_ = true;
  total_ = piece.total;
  promised_ = piece.sha256;
  file_.append(piece.bytes);
  hash_.add(piece.bytes);
  received_ += piece.bytes.size();
  if (received_ < total_) return false;
  if (hash_.finish() == promised_) return true;
  if (++damaged_ == kMostDamaged) {
    throw Error(ErrorKind::corrupt, to_string(piece.file) + " came damaged " + std::to_string(kMostDamaged) +
                                        " times: its bytes are not those of the hash that came with it");
  }
  begin_anew();
  return false;
}

}  // namespace espalier
