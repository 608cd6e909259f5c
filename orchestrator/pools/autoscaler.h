#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cluster/launch/slurm.h"

namespace espalier {

/// How much a coordinator could hand out to pools like these, had it the ranks.
struct OpenWork {
  bool finished = false;   ///< nothing is left to do, and nobody waits for more
  std::int64_t ranks = 0;  ///< of these pools that could be at work at this moment, those that are included
};

/// What the coordinator has seen of a pool.
enum class PoolHistory {
  unseen,
  joined,
  worked  ///< it was handed a job
};

struct ScaleLimits {
  std::int64_t least = 0, most = 1;  ///< pools
  std::int64_t ranks = 1;            ///< of each
};

struct ScaleActions {
  std::int64_t submit = 0;          ///< pools
  std::int64_t submit_to_stay = 0;  ///< so many of those, whether there is work or not
  std::vector<std::string> cancel;  ///< ids
  std::vector<std::string> lines;   ///< for the user
  bool done = false;                ///< nothing is left to do, and no pool is there any more
  std::string give_up_on;           ///< the id of a pool that ended at once, as several before it; "" to go on
};

/// How many pools there should be. Pure: the work, the scheduler's list and the time come in, what to do goes out.
///
/// It keeps as many pools as the work has ranks for, queued ones counted, between the limits. What is too many for
/// kSurplusSeconds is cancelled while it waits in the queue; running pools leave by themselves. A pool that ends
/// before it joined the coordinator is a failure; the next one waits, twice as long each time, and after kMostFailures
/// in a row, each submitted after the one before had failed, there is none. What ended out of our sight is no failure.
/// Where one left without ever having been given a job, the work is not for these pools, whatever it says: those beyond
/// `least` wait, too. What the scheduler does not answer is no failure of a pool, and only slows us down.
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
  /// It did.
  void on_answer() { trouble_ = 0; }
  /// That are there, as far as we know.
  std::size_t pools() const { return known_.size(); }
  /// Nothing is asked of the scheduler before that.
  Now quiet_until() const { return quiet_until_; }

 private:
  struct Known {
    Now submitted_at = 0;
    bool listed = false;      ///< ever
    std::string reason = {};  ///< why it waited when we last looked
  };
  void look_at_the_ended(const OpenWork& work, const std::vector<BatchJobRow>& listing,
                         const std::function<PoolHistory(const std::string&)>& history, Now now, ScaleActions& actions);
  void note_end(const std::string& id, Now submitted_at, const std::string& word, PoolHistory history, Now now,
                ScaleActions& actions);
  void note_idle_end(const std::string& id, Now submitted_at, Now now, ScaleActions& actions);
  void note_reason(const BatchJobRow& row, ScaleActions& actions);
  std::int64_t wanted(const OpenWork& work) const;

  const ScaleLimits limits_;
  std::map<std::string, Known> known_;  ///< alive as far as we know
  int failures_ = 0;                    ///< in a row
  Now failed_at_ = 0;                   ///< the last of them
  Now looked_at_ = 0, seconds_unseen_ = 0;
  int idle_ends_ = 0;  ///< likewise: of pools that were given nothing
  Now idle_end_at_ = 0, beyond_least_after_ = 0;
  int trouble_ = 0;  ///< likewise
  Now quiet_until_ = 0, submit_after_ = 0;
  Now surplus_since_ = -1;  ///< -1: there is none
};

}  // namespace espalier
