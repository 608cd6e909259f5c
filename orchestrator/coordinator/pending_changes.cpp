#include "orchestrator/coordinator/pending_changes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/clock.h"
#include "db/sqlite/refused_change.h"

namespace espalier {
namespace {

/// How long one transaction may block the loop, in processor time: on a slow disk fewer changes would cost as much.
constexpr double kTransactionSeconds = 0.025;
constexpr std::size_t kClockCheckInterval = 16;  // changes

}  // namespace

PendingChanges::Piece PendingChanges::write_some(Store& store) {
  Piece piece;
  for (std::size_t most = changes_.size(); most > 0;) {
    const double before = processor_seconds();
    double recording = 0;
    std::size_t begun = 0;
    const auto go_on = [&] {
      if (begun % kClockCheckInterval == 0) recording = processor_seconds() - before;
      if (begun == most || (begun > 0 && recording > kTransactionSeconds * recording_share_)) return false;
      ++begun;
      return true;
    };
    try {
      store.apply_while(changes_, go_on);
      recording_share_ = std::clamp(recording / (processor_seconds() - before), kLeastShare, kLargestShare);
      piece.written = take(begun);
      break;
    } catch (const RefusedChange& error) {
      most = begun - 1;  // those before it
      if (most == 0) piece.refused = Refused{std::move(take(1).front()), error.what()};
    }
  }
  return piece;
}

std::vector<StoreChange> PendingChanges::take(std::size_t count) {
  const auto end = changes_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<StoreChange> first(std::make_move_iterator(changes_.begin()), std::make_move_iterator(end));
  changes_.erase(changes_.begin(), end);
  return first;
}

}  // namespace espalier
