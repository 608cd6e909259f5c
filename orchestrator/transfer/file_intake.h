#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cluster/files/incoming_file.h"
#include "cluster/files/piece_reader.h"
#include "cluster/protocol/protocol.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/scheduler/ids.h"
#include "orchestrator/transfer/placed_files.h"

namespace espalier {

/// Receives the files that pools offer: artifacts, training states and checkpoints of pools that do not share the
/// store's folder. Requests them piece by piece, a few pieces at a time; each file is written under uploads/, verified,
/// synced and renamed before it is acknowledged. A checkpoint of fewer steps does not replace one of more. Knows no
/// connections. One thread at a time.
class FileIntake {
 public:
  struct Reply {
    PoolId pool;
    Message message;
  };
  using Replies = std::vector<Reply>;

  /// Empties uploads/. `placed` outlives this object.
  FileIntake(StorePaths paths, PlacedFiles& placed);

  /// Queues the file and requests it in its turn. A file that the store has is acknowledged at once. The caller knows
  /// the stage. Errors: ErrorKind::corrupt if the pool offers more files than any pool has ranks.
  Replies offer(PoolId pool, const OfferFile& offer);
  Replies handle(PoolId pool, const FilePiece& piece);
  Replies handle(PoolId pool, const FileMissing& missing);
  /// Cancels the upload: removes the received pieces and sends the pool `why`; "" for a stage that is done.
  Replies drop(PoolId pool, const FileName& file, int rank, const std::string& why);
  /// Its connection broke: its requests are void, and it is asked for nothing until it offers a file again. Received
  /// pieces are kept for when it reconnects.
  void silence(PoolId pool);
  /// It will not reconnect.
  Replies forget(PoolId pool);
  /// The store could not be written, for lack of space or permission: retries.
  Replies try_again();
  bool waits_for_space() const { return waits_for_space_; }

 private:
  struct Upload {
    OfferFile offer;
    std::unique_ptr<IncomingFile> incoming;  ///< null until it is requested
    std::filesystem::path temporary;         ///< where it is written
  };
  using Uploads = std::deque<Upload>;
  std::filesystem::path place(const OfferFile& offer) const;
  Uploads::iterator find(PoolId pool, const FileName& file, int rank);
  void put(Upload& upload);
  bool is_behind(const Upload& upload) const;
  void end(PoolId pool, Uploads::iterator upload, const std::string& why, Replies& replies);
  void ask_on(Replies& replies);

  const StorePaths paths_;
  PlacedFiles& placed_;
  std::map<PoolId, Uploads> uploads_;  ///< the first of each is requested
  std::set<PoolId> silent_;            ///< but of these
  PieceReader reader_;
  std::uint64_t temporaries_ = 0;
  bool waits_for_space_ = false;
};

}  // namespace espalier
