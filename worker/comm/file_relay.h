#pragma once

#include <map>
#include <set>
#include <utility>

#include "cluster/connection/connection.h"
#include "worker/comm/file_service.h"

namespace espalier {

/// Rank 0's part in moving files between the pool and the coordinator: passes on what is said of the ranks' files, asks
/// the coordinator for what any of them wants, and gives what came to the other machines of the pool. Goes on where it
/// was when a connection broke. Main thread.
class FileRelay {
 public:
  /// All outlive this object.
  FileRelay(Mailbox& mailbox, RankFiles& files, CacheFolder& cache);

  /// There is a coordinator: what was offered and asked for before, and is not done, is said again.
  void joined(ConnectionPtr connection);
  void lost() { connection_.reset(); }

  /// In every turn of the loop. True if there was something to pass on.
  bool pump() { return desk_.pump(); }
  /// False: it is not about files.
  bool hear(const Mail& mail);
  bool hear(const Message& message);
  /// Nothing more is fetched; what the ranks have offered still goes out.
  void leave() { desk_.leave(); }
  /// The rank reads no more.
  void rank_left(int rank) { left_.insert(rank); }

 private:
  void from_rank(int rank, Message message);
  void to_rank(int rank, const Message& message);
  void send(const Message& message);

  Mailbox& mailbox_;
  ConnectionPtr connection_;  ///< null while there is none
  FileService desk_;
  std::map<std::pair<int, FileName>, OfferFile> offers_;  ///< by rank; not stored yet
  std::set<int> left_;
};

}  // namespace espalier
