#include "orchestrator/pending_changes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/clock.h"

namespace espalier {
namespace {

/// How long one transaction may hold the loop up. Of the processor's time: a slow disk would cost as much for fewer.
constexpr double kTransactionSeconds = 0.02;
constexpr std::size_t kSmallestTransaction = 250;
constexpr std::size_t kLargestTransaction = 4000;

}  // namespace

PendingChanges::Piece PendingChanges::write_some(Store& store) {
  Piece piece;
  std::size_t count = std::min(changes_.size(), most_);
  while (count > 0 && !write_first(store, count, piece)) count /= 2;
  return piece;
}

/// False: one of several was refused, and nothing was written.
bool PendingChanges::write_first(Store& store, std::size_t count, Piece& piece) {
  const auto end = changes_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<StoreChange> first(std::make_move_iterator(changes_.begin()), std::make_move_iterator(end));
  const double before = processor_seconds();
  try {
    store.apply(first);
  } catch (const RefusedChange& error) {
    if (count == 1) {
      piece.refused = Refused{std::move(first.front()), error.what()};
      changes_.pop_front();
      return true;
    }
    std::ranges::move(first, changes_.begin());
    return false;
  } catch (...) {
    std::ranges::move(first, changes_.begin());
    throw;
  }
  changes_.erase(changes_.begin(), end);
  piece.written = std::move(first);
  const double used = processor_seconds() - before;
  if (used > kTransactionSeconds) most_ = std::max(kSmallestTransaction, most_ / 2);
  if (used < kTransactionSeconds / 2 && count == most_) most_ = std::min(kLargestTransaction, most_ * 2);
  return true;
}

}  // namespace espalier
