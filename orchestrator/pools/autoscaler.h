#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cluster/launch/slurm.h"

namespace espalier {

/// How many ranks of pools like these a coordinator could use.
struct OpenWork {
  bool finished = false;   ///< nothing is left to do, and no more is expected
  std::int64_t ranks = 0;  ///< of these pools that could work now, including those that do
};

/// What the coordinator has seen of a pool.
enum class PoolHistory {
  unseen,
  joined,
  worked  ///< it was sent a job
};

struct ScaleLimits {
  std::int64_t least = 0, most = 1;  ///< pools
  std::int64_t ranks = 1;            ///< of each
};

struct ScaleActions {
  std::int64_t submit = 0;          ///< pools
  std::int64_t submit_to_stay = 0;  ///< those of them that stay even without work
  std::vector<std::string> cancel;  ///< ids
  std::vector<std::string> lines;   ///< for the user
  bool done = false;                ///< nothing is left to do, and no pool is left
  std::string give_up_on;           ///< the id of a pool that ended at once, after several others did; "" to go on
};

/// How many pools there should be. Pure: the work, the scheduler's list and the time come in, actions go out.
///
/// It keeps as many pools, queued ones counted, as the work has ranks for, between the limits. Pools in excess for
/// kSurplusSeconds are cancelled while they are queued; running pools leave by themselves. A pool that ends before it
/// joined the coordinator is a failure; the next one is delayed (backoff, doubled each time), and after kMostFailures
/// in a row, each submitted after the one before had failed, it gives up. An end that was not observed is no failure.
/// If a pool left without ever having been sent a job, the work does not fit these pools: those beyond `least` are
/// delayed too. A scheduler that does not answer is no failure of a pool; it only delays.
class Autoscaler {
 public:
  using Now = double;  ///< seconds
  static constexpr Now kSurplusSeconds = 30;
  static constexpr int kMostFailures = 3;

  explicit Autoscaler(ScaleLimits limits) : limits_(limits) {}

  /// `history(id)`: of the pool of that allocation.
  ScaleActions decide(const OpenWork& work, const std::vector<BatchJobRow>& listing,
                      const std::function<PoolHistory(const std::string&)>& history, Now now);
  void on_submitted(const std::string& id, Now now);
  /// The scheduler, or the coordinator, did not answer.
  void on_trouble(Now now);
  /// Both answered.
  void on_answer() { trouble_ = 0; }
  /// Pools known to exist.
  std::size_t pools() const { return known_.size(); }
  /// Makes no request to the scheduler before that time.
  Now quiet_until() const { return quiet_until_; }

 private:
  struct Known {
    Now submitted_at = 0;
    bool listed = false;      ///< ever
    std::string reason = {};  ///< why it was queued at the last poll
  };
  void count_ended(const OpenWork& work, const std::vector<BatchJobRow>& listing,
                   const std::function<PoolHistory(const std::string&)>& history, Now now, ScaleActions& actions);
  void note_end(const std::string& id, Now submitted_at, const std::string& word, PoolHistory history, Now now,
                ScaleActions& actions);
  void note_idle_end(const std::string& id, Now submitted_at, Now now, ScaleActions& actions);
  void note_reason(const BatchJobRow& row, ScaleActions& actions);
  std::int64_t wanted(const OpenWork& work) const;

  const ScaleLimits limits_;
  std::map<std::string, Known> known_;  ///< not known to have ended
  int failures_ = 0;                    ///< in a row
  Now failed_at_ = 0;                   ///< the last of them
  Now checked_at_ = 0, seconds_unseen_ = 0;
  int idle_ends_ = 0;  ///< likewise: of pools that were sent no job
  Now idle_end_at_ = 0, beyond_least_after_ = 0;
  int trouble_ = 0;  ///< likewise
  Now quiet_until_ = 0, submit_after_ = 0;
  Now surplus_since_ = -1;  ///< -1: there is none
};

}  // namespace espalier
