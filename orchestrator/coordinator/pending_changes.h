#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "db/write/store.h"

namespace espalier {

/// The queue of changes to the store. It is written in pieces, so that the loop handles messages in between: as many
/// changes in one transaction as the loop has processor time for, because each transaction costs a sync of the disk,
/// and each row costs more the larger the database is. For one thread.
class PendingChanges {
 public:
  struct Refused {
    StoreChange change;
    std::string why;
  };
  struct Piece {
    std::vector<StoreChange> written;  ///< durable
    std::optional<Refused> refused;    ///< a change that the database rejected; removed from the queue
  };

  void add(StoreChange change) { changes_.push_back(std::move(change)); }
  bool empty() const { return changes_.empty(); }
  /// Enough changes for a transaction: no need to wait for more.
  bool are_many() const { return changes_.size() >= kMany; }

  /// The next change may cost more than the last ones: the database has grown.
  void begin_small() { recording_share_ = kLeastShare; }

  /// Writes the first changes in one transaction: those before one that the schema rejects, or that one's rejection.
  /// Errors: those of Store::apply except RefusedChange; all stay pending then.
  Piece write_some(Store& store);

 private:
  static constexpr std::size_t kMany = 2000;
  static constexpr double kLeastShare = 0.2, kLargestShare = 0.7;

  std::vector<StoreChange> take(std::size_t count);  ///< off the front

  std::deque<StoreChange> changes_;
  double recording_share_ = 0.3;  ///< of a transaction's time, before it is committed; the last one's
};

}  // namespace espalier
