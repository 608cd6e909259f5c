#pragma once

#include <map>
#include <set>
#include <utility>

#include "cluster/connection/connection.h"
#include "worker/comm/file_service.h"

namespace espalier {

/// Rank 0's part in moving files between the pool and the coordinator: forwards messages about the ranks' files,
/// requests files from the coordinator for all ranks, and sends received files to the pool's other machines. Continues
/// after a reconnect. Main thread.
class FileRelay {
 public:
  /// All outlive this object.
  FileRelay(Mailbox& mailbox, RankFiles& files, CacheFolder& cache);

  /// The coordinator has (re)connected: sends all open offers and requests again.
  void joined(ConnectionPtr connection);
  void lost() { connection_.reset(); }

  /// Call it in every turn of the loop. True if there was something to forward.
  bool pump() { return service_.pump(); }
  /// False: the message is not about files.
  bool handle(const Mail& mail);
  bool handle(const Message& message);
  /// Fetches nothing more; still sends the files that the ranks have offered.
  void leave() { service_.leave(); }
  /// The rank receives no more.
  void rank_left(int rank) { left_.insert(rank); }

 private:
  void from_rank(int rank, Message message);
  void to_rank(int rank, const Message& message);
  void send(const Message& message);

  Mailbox& mailbox_;
  ConnectionPtr connection_;  ///< null while disconnected
  FileService service_;
  std::map<std::pair<int, FileName>, OfferFile> offers_;  ///< by rank; not stored yet
  std::set<int> left_;
};

}  // namespace espalier
