#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "base/growing_file.h"
#include "base/sha256.h"
#include "cluster/protocol/protocol.h"

namespace espalier {

/// A file received in requested pieces: which piece to request next, and the check of its hash. Knows no connection;
/// continues after a reconnect. One thread at a time.
class IncomingFile {
 public:
  /// Written under a temporary name until put. Errors: those of GrowingFile.
  explicit IncomingFile(std::filesystem::path temporary);

  /// The offset of a piece to request now; none while enough requests are open, or if there are no more pieces.
  std::optional<std::uint64_t> next_request();
  /// The connection broke: open requests are void.
  void forget_requests();
  int on_the_way() const { return static_cast<int>(asked_.size()); }
  std::uint64_t received() const { return received_; }

  /// True: that was the last piece, and the file has the promised hash. A piece with another file hash than the earlier
  /// ones begins the file anew; one that is not next is ignored. Errors: ErrorKind::corrupt if the file was damaged too
  /// often; those of GrowingFile.
  bool add(const FilePiece& piece);
  /// Call it once, after add returned true. Errors: those of GrowingFile.
  void put(const std::filesystem::path& path) { file_.put(path); }
  const Digest& sha256() const { return promised_; }

 private:
  void begin_anew();

  GrowingFile file_;
  Sha256 hash_;
  bool begun_ = false;  ///< total_ and promised_ are known
  std::uint64_t total_ = 0;
  Digest promised_{};
  std::uint64_t received_ = 0;
  std::uint64_t next_ = 0;         ///< to be requested
  std::set<std::uint64_t> asked_;  ///< requested, not received yet
  int damaged_ = 0;                ///< number of damaged transfers
};

}  // namespace espalier
