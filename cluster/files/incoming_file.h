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

/// A file that comes in pieces which were asked for: what to ask for next, and whether it is what it should be. Knows
/// no connection; goes on where it was when one broke. One thread at a time.
class IncomingFile {
 public:
  /// Under a temporary name until put. Errors: those of GrowingFile.
  explicit IncomingFile(std::filesystem::path temporary);

  /// The offset of a piece to ask for now; none while enough are on the way, or if there is no more.
  std::optional<std::uint64_t> next_request();
  /// What was asked for will not come: the connection broke.
  void forget_requests();
  int on_the_way() const { return static_cast<int>(asked_.size()); }
  std::uint64_t received() const { return received_; }

  /// True: that was the last piece, and the whole is what was promised. A piece of another file than the ones before it
  /// (its hash tells) begins the file anew, and one that was not next is passed over. Errors: ErrorKind::corrupt if the
  /// whole was damaged too often; those of GrowingFile.
  bool add(const FilePiece& piece);
  /// Once, after add said true. Errors: those of GrowingFile.
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
  std::uint64_t next_ = 0;         ///< to be asked for
  std::set<std::uint64_t> asked_;  ///< and not there yet
  int damaged_ = 0;                ///< so often
};

}  // namespace espalier
