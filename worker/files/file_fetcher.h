#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cluster/files/incoming_file.h"
#include "cluster/files/piece_reader.h"
#include "cluster/protocol/protocol.h"
#include "worker/files/cache_folder.h"

namespace espalier {

/// Fetches files into a machine's cache, for all of its ranks: ranks that need the same file share one fetch. The owner
/// decides which peer it asks: the coordinator, or the rank that has asked the coordinator. Other machines may request
/// pieces of fetched files from it. Knows no connections; main thread of one rank of the machine.
class FileFetcher {
 public:
  using Ask = std::function<void(const FetchFile&)>;
  /// Notifies a rank: a file that it requested is in the cache, or cannot be fetched ("" or why).
  using Notify = std::function<void(int rank, const FileName& file, const std::string& why)>;
  /// Replies to a rank on another machine: a requested piece, or why there is none.
  using Reply = std::function<void(int rank, Message message)>;

  /// `cache` outlives this object.
  FileFetcher(CacheFolder& cache, Ask ask, Notify tell, Reply reply);

  /// A rank of this machine requests a file for a stage.
  void want(int rank, const FetchFile& request);
  /// A rank of another machine, which does not share the cache, requests a piece.
  void serve(int rank, const FetchFile& request);
  void handle(const FilePiece& piece);
  /// Also sent when the peer leaves: then this one leaves too.
  void handle(const FileMissing& missing);
  /// The peer has (re)connected and has lost earlier requests: sends them again.
  void ask_again();
  /// Stops fetching and serving. Notifies other machines; the ranks of this one, which are all being stopped, do not
  /// wait for it.
  void leave();
  /// No request is open.
  bool idle() const;

 private:
  struct Fetch {
    StageKey stage;
    std::unique_ptr<IncomingFile> incoming;
    std::set<int> ranks;
    std::vector<std::pair<int, FetchFile>> requests;  ///< of other machines
  };
  Fetch& fetch_of(const FetchFile& request);
  bool is_here(const FileName& file) const;
  void ask_on();
  void give(int rank, const FetchFile& request);
  void end(std::map<FileName, Fetch>::iterator which, const std::string& why);

  CacheFolder& cache_;
  const Ask ask_;
  const Notify notify_;
  const Reply reply_;
  std::map<FileName, Fetch> fetches_;
  PieceReader reader_;
  bool leaving_ = false;
};

}  // namespace espalier
