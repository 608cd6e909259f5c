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

/// Fetches files into a machine's cache, for all of its ranks: whoever wants the same file waits for the same fetch.
/// Where it asks is its owner's matter: the coordinator, or the rank that has asked the coordinator. It may in turn be
/// asked for pieces of what it fetched. Pure of connections; the main thread of one rank of the machine.
class FileFetcher {
 public:
  using Ask = std::function<void(const FetchFile&)>;
  /// To a rank: a file that it wanted is in the cache, or cannot be had ("" or why).
  using Tell = std::function<void(int rank, const FileName& file, const std::string& why)>;
  /// To a rank on another machine: a piece that it asked for, or why there is none.
  using Reply = std::function<void(int rank, Message message)>;

  /// `cache` outlives this object.
  FileFetcher(CacheFolder& cache, Ask ask, Tell tell, Reply reply);

  /// A rank of this machine wants a file; `wish` says which, and for which stage.
  void want(int rank, const FetchFile& wish);
  /// A rank of another machine, which does not share the cache, asks for a piece.
  void serve(int rank, const FetchFile& request);
  void hear(const FilePiece& piece);
  /// Also that who is asked leaves: then so does this one.
  void hear(const FileMissing& missing);
  /// Whom we ask is there, and what was asked before is forgotten there.
  void ask_again();
  /// Nothing more is asked for or given. Other machines are told so; the ranks of this one, which are all told to stop,
  /// wait no longer than until then.
  void leave();
  /// Nothing that was asked for is still to come.
  bool idle() const;

 private:
  struct Fetch {
    StageKey stage;
    std::unique_ptr<IncomingFile> incoming;
    std::set<int> ranks;
    std::vector<std::pair<int, FetchFile>> requests;  ///< of other machines
  };
  Fetch& fetch_of(const FetchFile& wish);
  bool is_here(const FileName& file) const;
  void ask_on();
  void give(int rank, const FetchFile& request);
  void end(std::map<FileName, Fetch>::iterator which, const std::string& why);

  CacheFolder& cache_;
  const Ask ask_;
  const Tell tell_;
  const Reply reply_;
  std::map<FileName, Fetch> fetches_;
  PieceReader reader_;
  bool leaving_ = false;
};

}  // namespace espalier
