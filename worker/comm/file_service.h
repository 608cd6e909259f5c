#pragma once

#include <functional>

#include "cluster/protocol/protocol.h"
#include "worker/comm/mailbox.h"
#include "worker/files/cache_folder.h"
#include "worker/files/file_fetcher.h"
#include "worker/files/rank_files.h"

namespace espalier {

/// One rank's mail about files: what its compute thread wants goes to the first rank of its machine, which fetches for
/// all of them; what it left is offered to the coordinator, and handed out in pieces. Main thread.
class FileService {
 public:
  /// `to_coordinator`: on the way there; through rank 0. The others outlive this object.
  FileService(Mailbox& mailbox, RankFiles& files, CacheFolder& cache, std::function<void(Message)> to_coordinator);

  /// In every turn of the loop: passes on what the compute thread wants and offers. True if there was something.
  bool pump();
  /// From another rank of this machine: MailTag::want or here.
  void hear(const Mail& mail);
  /// From the coordinator, or from rank 0 in its place.
  void hear(const Message& message);
  /// A rank of another machine asks for a piece. Rank 0 only.
  void serve(int rank, const FetchFile& request) { fetcher_.serve(rank, request); }
  /// The coordinator is back.
  void ask_again() { fetcher_.ask_again(); }
  void leave() { fetcher_.leave(); }
  /// Nothing that was asked for is still to come.
  bool idle() const { return fetcher_.idle(); }

 private:
  void tell(int rank, const FileName& file, const std::string& why);

  Mailbox& mailbox_;
  RankFiles& files_;
  const std::function<void(Message)> to_coordinator_;
  FileFetcher fetcher_;
};

}  // namespace espalier
