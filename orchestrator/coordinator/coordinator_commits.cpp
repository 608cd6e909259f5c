// Commits of received outcomes, and what happens while nothing can be written.
#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/error.h"
#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/coordinator/free_space.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

/// Timeout for a database that another process has locked.
constexpr double kLockedSeconds = 60;
/// Interval of free space checks, and the least pause after a worker's disk was full: doubled each time it happens
/// again (backoff).
constexpr double kFreeSpaceCheckSeconds = 1;
constexpr double kShortestFullDiskSeconds = 2;
constexpr double kLongestFullDiskSeconds = 60;

}  // namespace

// False: nothing was committed, because nothing could or had to be. While the other thread writes (for a large sweep
// that takes long), changes are queued.
bool Coordinator::commit() {
  if (changes_.empty()) return false;
  const Store::Turn turn = store_.try_turn();
  if (!turn) {
    changes_.begin_small();
    return false;
  }
  PendingChanges::Piece piece;
  try {
    piece = changes_.write_some(store_);
    locked_since_ = 0;
    commit_trouble_.clear();
  } catch (const Error& error) {
    endure(error);
    return false;
  }
  for (const StoreChange& change : piece.written) {
    const StageFinished* finished = std::get_if<StageFinished>(&change);
    if (finished != nullptr && finished->outcome.steps > 0) forget_checkpoint(finished->outcome.key);
  }
  if (piece.refused) set_aside(*piece.refused);
  has_new_results_ = true;
  last_commit_at_ = utc_seconds();
  if (!changes_.empty()) commit_soon();
  if (!refused_.empty() && !core_lent_.taken()) give_up_refused();
  return true;
}

// Posted twice: messages that have arrived are handled in between.
void Coordinator::commit_soon() {
  if (std::exchange(commit_is_due_, true)) return;
  asio::post(io_, [this] {
    asio::post(io_, [this] {
      commit_is_due_ = false;
      commit();
    });
  });
}

void Coordinator::set_aside(const PendingChanges::Refused& refused) {
  spdlog::error("a report was set aside, since it cannot be in the database: {}", refused.why);
  const StageFinished* finished = std::get_if<StageFinished>(&refused.change);
  if (finished != nullptr && !finished->outcome.failure) refused_.emplace_back(finished->outcome, refused.why);
}

/// Reports a rejected outcome to the core, so that it agrees with the database.
void Coordinator::give_up_refused() {
  for (const auto& [outcome, why] : std::exchange(refused_, {}))
    perform(core_.on_outcome_refused(outcome, why, utc_seconds()));
  for (EndedSweep& ended : ended_sweeps_) {
    ended.status = core_.sweep_status(*std::ranges::find(core_.sweeps(), ended.id, &Workload::Sweep::id));
  }
}

// Changes that could not be written are kept and retried: a lock may be released, disk space freed, or the database
// made writable.
void Coordinator::endure(const Error& error) {
  if (error.kind() == ErrorKind::exhausted || error.kind() == ErrorKind::invalid_input) {
    commit_trouble_ = error.what();
    return;
  }
  if (error.kind() != ErrorKind::unavailable) throw error;
  if (locked_since_ == 0) locked_since_ = utc_seconds();
  if (utc_seconds() - locked_since_ > kLockedSeconds) throw error;
  progress_.notify_user("waiting: another process writes to the database");
}

std::string Coordinator::commit_trouble() const {
  return commit_trouble_.empty() ? "another process writes to the database" : commit_trouble_;
}

// Every received outcome is in the database, unless a commit is waiting.
void Coordinator::acknowledge() {
  if (!changes_.empty()) return;
  for (auto& [id, link] : pools_) {
    if (!link.connection || link.acknowledged == link.handled) continue;
    link.connection->send(Recorded{link.handled});
    link.acknowledged = link.handled;
  }
}

void Coordinator::check_free_space(double now) {
  if (now - free_space_checked_at_ < kFreeSpaceCheckSeconds) return;
  free_space_checked_at_ = now;
  const std::string lack = commit_trouble_.empty() ? lack_of_space(store_.paths().root) : commit_trouble_;
  if (!lack.empty()) {
    perform(core_.pause(lack));
    return;
  }
  if (!core_.is_paused()) {
    if (now - resumed_at_ > kLongestFullDiskSeconds) pause_s_ = 0;
    return;
  }
  if (core_.waits_for_space() && resume_at_ == 0) {
    pause_s_ = std::clamp(2 * pause_s_, kShortestFullDiskSeconds, kLongestFullDiskSeconds);
    resume_at_ = now + pause_s_;
  }
  if (now < resume_at_) return;
  resume_at_ = 0;
  resumed_at_ = now;
  perform(core_.resume(now));
}

// Only now: a training whose outcome was lost is quickly repeated from its last checkpoint.
void Coordinator::forget_checkpoint(const StageKey& key) {
  std::error_code ignored;
  std::filesystem::remove(store_.paths().checkpoint(key), ignored);
}

}  // namespace espalier
