#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "db/store.h"

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

  /// Writes the first ones in one transaction. One that the schema refuses is looked for by halves, and costs no other.
  /// Errors: those of Store::apply, but RefusedChange; all are still pending then.
  Piece write_some(Store& store);

 private:
  static constexpr std::size_t kMany = 2000;

  bool write_first(Store& store, std::size_t count, Piece& piece);

  std::deque<StoreChange> changes_;
  std::size_t most_ = kMany / 2;  ///< in one transaction, until it is known what they cost
};

}  // namespace espalier
