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

/// Takes what pools offer into the store: artifacts, training states and checkpoints of pools that do not share its
/// folder. Asks for them piece by piece, a few pieces at a time; each is written under uploads/, verified, synced and
/// renamed before its pool is told that it is stored. A checkpoint that got less far than the one that is there leaves
/// it alone. Pure of connections. One thread at a time.
class FileIntake {
 public:
  struct Reply {
    PoolId pool;
    Message message;
  };
  using Replies = std::vector<Reply>;

  /// Empties uploads/. `placed` outlives this object.
  FileIntake(StorePaths paths, PlacedFiles& placed);

  /// Asks for it in its turn. What is in the store already is stored. The caller knows the stage. Errors:
  /// ErrorKind::corrupt if the pool offers more files than any has ranks.
  Replies offer(PoolId pool, const OfferFile& offer);
  Replies hear(PoolId pool, const FilePiece& piece);
  Replies hear(PoolId pool, const FileMissing& missing);
  /// It is no longer wanted: what came of it goes, and the pool is told `why`; "" for a stage that is done.
  Replies drop(PoolId pool, const FileName& file, int rank, const std::string& why);
  /// Its connection broke: what it was asked for will not come, and it is asked for nothing until it offers something
  /// again. What it sent stays for when it is back.
  void silence(PoolId pool);
  /// It will not come back.
  Replies forget(PoolId pool);
  /// The store could not be written, for lack of room or permission: can it now?
  Replies try_again();
  bool waits_for_space() const { return waits_for_space_; }

 private:
  struct Upload {
    OfferFile offer;
    std::unique_ptr<IncomingFile> incoming;  ///< null until it is asked for
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
  std::map<PoolId, Uploads> uploads_;  ///< the first of each is asked for
  std::set<PoolId> silent_;            ///< but of these
  PieceReader reader_;
  std::uint64_t temporaries_ = 0;
  bool waits_for_space_ = false;
};

}  // namespace espalier
