#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "db/write/store.h"

namespace espalier {

/// What is to be written into the store, in its order. It is written in pieces, between which others are heard: as many
/// changes in one transaction as the loop can spare the processor's time for, because each transaction costs a sync of
/// the disk, and each row more the larger the database is. For one thread.
class PendingChanges {
 public:
  struct Refused {
    StoreChange change;
    std::string why;
  };
  struct Piece {
    std::vector<StoreChange> written;  ///< durable
    std::optional<Refused> refused;    ///< one that cannot be in the database, and is not pending any more
  };

  void add(StoreChange change) { changes_.push_back(std::move(change)); }
  bool empty() const { return changes_.empty(); }
  /// Enough of them not to wait for more.
  bool are_many() const { return changes_.size() >= kMany; }

  /// What is written next may cost more than it did: the database has grown meanwhile.
  void begin_small() { recording_share_ = kLeastShare; }

  /// Writes the first ones in one transaction: those before one that the schema refuses, or that one's refusal.
  /// Errors: those of Store::apply, but RefusedChange; all are still pending then.
  Piece write_some(Store& store);

 private:
  static constexpr std::size_t kMany = 2000;
  static constexpr double kLeastShare = 0.2, kLargestShare = 0.7;

  std::vector<StoreChange> take(std::size_t count);  ///< off the front

  std::deque<StoreChange> changes_;
  double recording_share_ = 0.3;  ///< of a transaction's time, before it is committed; the last one's
};

}  // namespace espalier
