#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "db/store.h"
#include "experiments/job.h"
#include "experiments/outcome.h"
#include "experiments/stage_graph.h"
#include "orchestrator/plan.h"

namespace espalier {

using PoolId = std::uint32_t;
/// Seconds on any clock that only goes forward; the coordinator uses UTC seconds since 1970, for the database.
using Now = double;

// What the core wants done. The coordinator does it; a test reads it.
struct SendJob {
  PoolId pool;
  int rank;
  Job job;
};
struct SendStop {  ///< take an attempt back: it is not started yet, or is checkpointed
  PoolId pool;
  int rank;
  std::uint64_t attempt;
};
struct DismissPool {  ///< checkpoint, report, leave
  PoolId pool;
};
struct Record {
  StoreChange change;
};
struct Tell {  ///< a line for the user
  std::string text;
};
using Effect = std::variant<SendJob, SendStop, DismissPool, Record, Tell>;
using Effects = std::vector<Effect>;

/// How far the sweep is.
struct SweepStatus {
  std::int64_t trials = 0, trials_done = 0, trials_failed = 0;  ///< failed: their own stage, or one they needed
  std::int64_t jobs_running = 0, jobs_finished = 0, ranks = 0;
  std::int64_t stages = 0, stages_done = 0;  ///< of those that this run has to do; given up ones count as done
  std::int64_t stages_failed = 0;
  double remaining_cost = 0;
  double critical_path_cost = 0;
  std::optional<double> seconds_per_cost;  ///< measured in this run
};

/// Every decision about jobs, pools and failures. Pure: events and the time come in, effects go out; no socket, no
/// clock, no disk.
class Core {
 public:
  /// `generation` is the high half of attempt numbers (Store::generation). The graph must outlive the core.
  Core(const StageGraph& graph, const std::vector<bool>& done, std::uint32_t generation);

  Effects on_pool_joined(PoolId pool, std::string name, int ranks, Now now);
  Effects on_rank_ready(PoolId pool, int rank, EnvironmentId environment, Now now);
  Effects on_stage_reached(PoolId pool, int rank, StageOutcome outcome, Now now);
  Effects on_job_ended(PoolId pool, int rank, std::uint64_t attempt, bool interrupted, Now now);
  /// `fraction` of the attempt's present stage is behind it; for the estimate of the time left.
  void on_progress(std::uint64_t attempt, double fraction);
  /// Its connection broke; how it ended is not known yet. Nothing more is handed to it.
  void on_pool_silent(PoolId pool);
  /// `expected`: it said that it was leaving.
  Effects on_pool_lost(PoolId pool, bool expected, const std::string& why, Now now);
  /// Ctrl-C, cancel, or a full disk: nothing new is handed out, pools are dismissed.
  Effects stop(Now now);

  /// Every trial has its outcome, or can have none any more.
  bool finished() const { return plan_.finished(); }
  bool stopping() const { return stopping_; }
  /// No attempt is out.
  bool idle() const { return attempts_.empty(); }
  SweepStatus status() const;
  /// A worker's disk was full: the sweep stopped for it. The message says where.
  const std::optional<std::string>& exhausted() const { return exhausted_; }

 private:
  struct Rank {
    bool ready = false;
    EnvironmentId environment = 0;
    std::deque<std::uint64_t> queue;  ///< in the order the rank runs them: the first is running
  };
  struct Pool {
    std::string name;
    std::vector<Rank> ranks;
  };
  struct Attempt {
    std::vector<StageIndex> stages;
    std::size_t reached = 0;
    PoolId pool = 0;
    int rank = 0;
    Now sent_at = 0;
    bool recalled = false;
    double fraction = 0;  ///< of the present stage
  };

  void hand_out(Effects& effects, Now now);
  void take_back_for_idle_ranks(Effects& effects);
  Rank* idlest_rank(PoolId& pool, int& rank, std::size_t depth, const std::set<PoolId>& closed);
  bool has_suspect(PoolId pool) const;
  Job make_job(std::uint64_t attempt, const std::vector<StageIndex>& stages) const;
  void fail_stage(StageIndex stage, const StageOutcome& outcome, EnvironmentId environment, Effects& effects, Now now);
  void tell_warnings(const Stage& stage, const StageOutcome& outcome, Effects& effects);
  void end_attempt(std::uint64_t attempt, const std::string& how, const std::string& why, Effects& effects, Now now);
  void blame(const std::vector<std::uint64_t>& running, const std::string& why, Effects& effects, Now now);
  void charge_crash(std::uint64_t number, const std::string& why, Effects& effects, Now now);
  std::size_t queue_depth() const;
  void dismiss_everybody(Effects& effects);

  const StageGraph& graph_;
  Plan plan_;
  std::int64_t stages_to_do_;
  std::uint64_t next_attempt_;
  std::map<PoolId, Pool> pools_;
  std::unordered_map<std::uint64_t, Attempt> attempts_;
  std::unordered_map<StageKey, StageIndex> index_of_;
  std::unordered_map<StageIndex, int> crashes_;
  std::set<StageIndex> suspects_;  ///< ran in a pool that died, beside others; each is tried again without another
  bool stopping_ = false;
  bool dismissed_ = false;
  std::int64_t jobs_finished_ = 0;
  double mean_job_seconds_ = 1;                      ///< moving average; decides how many jobs wait at a rank
  std::unordered_map<std::uint64_t, Now> last_end_;  ///< by pool and rank
  double trained_cost_ = 0, trained_seconds_ = 0;
  std::optional<std::string> exhausted_;
  std::size_t warnings_told_ = 0;
};

}  // namespace espalier
