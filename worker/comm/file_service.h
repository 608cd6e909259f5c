#pragma once

#include <functional>

#include "cluster/protocol/protocol.h"
#include "worker/comm/mailbox.h"
#include "worker/files/cache_folder.h"
#include "worker/files/file_fetcher.h"
#include "worker/files/rank_files.h"

namespace espalier {

/// One rank's messages about files: requests of its compute thread go to the first rank of its machine, which fetches
/// for all of them; files that it wrote are offered to the coordinator and sent in pieces. Main thread.
class FileService {
 public:
  /// `to_coordinator`: sends a message there, through rank 0. The others outlive this object.
  FileService(Mailbox& mailbox, RankFiles& files, CacheFolder& cache, std::function<void(Message)> to_coordinator);

  /// Call it in every turn of the loop: forwards requests and offers of the compute thread. True if there were any.
  bool pump();
  /// From another rank of this machine: MailTag::want or here.
  void handle(const Mail& mail);
  /// From the coordinator, or from rank 0 on its behalf.
  void handle(const Message& message);
  /// A rank of another machine asks for a piece. Rank 0 only.
  void serve(int rank, const FetchFile& request) { fetcher_.serve(rank, request); }
  /// The coordinator has reconnected.
  void ask_again() { fetcher_.ask_again(); }
  void leave() { fetcher_.leave(); }
  /// No request is open.
  bool idle() const { return fetcher_.idle(); }

 private:
  void notify(int rank, const FileName& file, const std::string& why);

  Mailbox& mailbox_;
  RankFiles& files_;
  const std::function<void(Message)> to_coordinator_;
  FileFetcher fetcher_;
};

}  // namespace espalier
