#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/write/changes.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/stages/job.h"
#include "orchestrator/scheduler/blame.h"
#include "orchestrator/scheduler/effects.h"
#include "orchestrator/scheduler/events.h"
#include "orchestrator/scheduler/node_health.h"
#include "orchestrator/scheduler/plan.h"
#include "orchestrator/scheduler/roster.h"
#include "orchestrator/scheduler/workload.h"

namespace espalier {

/// Every decision about jobs, pools and failures. Pure: events and the time come in, effects go out; no socket, no
/// clock, no disk.
class Core {
 public:
  struct Options {
    std::uint32_t generation = 0;  ///< the high half of attempt numbers (Store::generation)
    bool stays = false;            ///< pools are kept when there is nothing to do: more sweeps may come
  };
  explicit Core(Options options);
  /// Attempts of lost pools that are remembered for a pool that comes back after all.
  static constexpr std::size_t kMostGivenUp = 10000;

  // core_sweeps.cpp
  Effects add_sweep(SweepToRun sweep, Now now);
  /// What it needs and nobody else does is taken back.
  Effects cancel_sweep(SweepId sweep, Now now);
  /// Nothing more of it is handed out, unless another sweep needs it; what runs goes on.
  Effects pause_sweep(SweepId sweep, Now now);
  Effects resume_sweep(SweepId sweep, Now now);
  Effects set_priority(SweepId sweep, int priority, Now now);
  /// Most of what it knows no sweep needs any more.
  bool is_worth_forgetting() const;
  /// Forgets the stages of sweeps that have ended, but those that another needs or a pool has. Takes as long as a sweep
  /// that is added.
  Effects forget(Now now);
  const std::vector<Workload::Sweep>& sweeps() const { return workload_.sweeps(); }
  /// The stages of all sweeps.
  const StageGraph& graph() const { return workload_.graph(); }
  std::optional<StageIndex> find(const StageKey& key) const { return workload_.find(key); }
  const PoolSlot* find_pool(PoolId pool) const;
  /// What a rank has been handed.
  struct RunningJob {
    std::uint64_t attempt = 0;
    std::string stage;  ///< the present one, for people
    StageKey key;
    std::string sweep, pool, host;
    int rank = 0, ranks = 1;
    Now sent_at = 0;
    bool waits = false;   ///< behind another
    double fraction = 0;  ///< of the present stage
  };
  /// By pool and rank, `most` at most.
  std::vector<RunningJob> running_jobs(std::size_t most) const;
  /// Those that nobody here can take at this moment, by what they ask for; none while all is paused.
  std::vector<WaitingJobs> waiting_jobs() const;
  /// Trial counts of one sweep, which may have ended.
  SweepStatus sweep_status(const Workload::Sweep& sweep) const;

  /// Attempts that an earlier coordinator left at a pool of that name, which may come back with them. Nobody else gets
  /// their stages until the pool joins or is lost. Before any other event but sweeps.
  Effects remember_pool(PoolId pool, std::string name, const std::vector<OpenAttempt>& attempts, Now now);
  /// Attempts that an earlier coordinator gave up: their pools may come back with them after all.
  void remember_given_up(const std::vector<OpenAttempt>& attempts);
  /// A new pool, or one that was silent and is back. `owner` is PoolSlot::owner. What it says of attempts that are
  /// not its own is answered by a Doubt.
  Effects on_pool_joined(PoolId pool, std::string name, int ranks, Now now, std::vector<std::string> labels = {},
                         const std::string& owner = "");
  /// `held`: what the rank runs or has waiting, in order. What else it was handed never arrived.
  Effects on_rank_ready(PoolId pool, int rank, RankFacts facts, const std::vector<std::uint64_t>& held, Now now);
  /// Counts for a stage of an attempt that the pool has, or had until it was given up: where nobody has the stage's
  /// outcome yet, it is the same.
  Effects on_stage_reached(PoolId pool, int rank, StageOutcome outcome, Now now);
  /// The database cannot hold this outcome, which has counted until now: its stage has failed.
  Effects on_outcome_refused(const StageOutcome& outcome, const std::string& why, Now now);
  Effects on_job_ended(PoolId pool, int rank, const AttemptEnd& end, Now now);
  /// `fraction` of the attempt's present stage is behind it; for the estimate of the time left.
  void on_progress(PoolId pool, std::uint64_t attempt, double fraction);
  /// Whether a file that this stage leaves may come from this pool: it makes the stage, or did until it was given up
  /// and nobody else does.
  enum class FileClaim {
    wanted,
    done,    ///< the stage is: its file stays as it is
    foreign  ///< somebody else's, or nobody's
  };
  FileClaim claim_of(PoolId pool, const StageKey& key) const;
  /// Its connection broke. It may come back; until then nothing more is handed to it, and what it holds is its own.
  Effects on_pool_silent(PoolId pool, Now now);
  /// It is told to checkpoint and leave, and gets nothing more.
  Effects drain_pool(PoolId pool, Now now);
  /// It will not come back.
  Effects on_pool_lost(PoolId pool, const PoolEnd& end, Now now);
  /// Time has passed.
  Effects on_tick(Now now);
  /// Nothing is handed out until resume; what runs goes on.
  Effects pause(const std::string& why);
  Effects resume(Now now);
  /// Ctrl-C or cancel: nothing new is handed out, pools are dismissed.
  Effects stop(Now now);

  /// Every trial has its outcome, or can have none any more.
  bool finished() const { return plan_.finished(); }
  bool stopping() const { return stopping_; }
  bool is_paused() const { return paused_.has_value(); }
  /// A worker found its disk full, and nobody has resumed since.
  bool waits_for_space() const { return waits_for_space_; }
  /// More jobs of a sweep were quarantined than its policy puts up with, and so everything was stopped.
  bool too_many_failures() const { return too_many_failures_; }
  /// Null if it is none of the sweep's.
  const Stage* find_stage(const StageKey& key) const;
  bool is_done(const StageKey& key) const;
  /// No attempt is out.
  bool idle() const { return roster_.attempts().empty(); }
  SweepStatus status() const;
  /// Grows with every outcome and every attempt that ends: whether anything happens.
  std::int64_t activity() const { return activity_; }

 private:
  // core_hand_out.cpp
  void hand_out(Effects& effects, Now now);
  bool hand_out_alone(Effects& effects, Now now);
  void hand_out_ready(Effects& effects, Now now);
  bool hand_out_one(StageIndex first, std::size_t depth, Effects& effects, Now now);
  bool hand_out_gang(StageIndex first, Effects& effects, Now now);
  bool send_gang(PoolId pool, StageIndex first, Effects& effects, Now now);
  void drop_reservations();
  void keep_none_for(StageIndex stage);
  bool is_worth_keeping(PoolId pool, const Reservation& reservation) const;
  bool is_outranked(PoolId pool, StageIndex stage) const;
  std::set<StageIndex> not_for(PoolId pool) const;
  void send(PoolId pool, int rank, std::vector<StageIndex> stages, bool alone, std::vector<int> gang, Effects& effects,
            Now now);
  void take_back_for_idle_ranks(Effects& effects);
  std::set<PoolId> pools_with_suspects() const;
  bool has_suspect(PoolId pool) const;
  bool is_kept_from(const PoolSlot& pool, StageIndex stage) const;
  bool runs_alone(const PoolSlot& pool) const;
  Job make_job(std::uint64_t attempt, const std::vector<StageIndex>& stages) const;
  std::size_t queue_depth() const;

  // core.cpp: outcomes, ends
  bool is_given_up_by(PoolId pool, std::uint64_t attempt, StageIndex stage) const;
  void accept(StageIndex stage, StageOutcome outcome, EnvironmentId environment, Effects& effects, Now now);
  void recall_attempts_at(StageIndex stage, Effects& effects);
  void measure_job(PoolId pool, int rank, const Attempt& attempt, Now now);
  void tell_warnings(const Stage& stage, const StageOutcome& outcome, Effects& effects);
  void end_attempt(std::uint64_t attempt, const std::string& how, const std::string& why,
                   std::optional<LossCause> cause, Effects& effects, Now now);
  void dismiss_everybody(Effects& effects);
  std::string name_of(StageIndex stage) const;

  // core_sweeps.cpp
  void replan(Effects& effects, Now now);
  void take_what_is_held();
  void recall_what_nobody_wants(Effects& effects);
  void settle_sweeps(Effects& effects, Now now);
  void warn_unschedulable(Effects& effects, Now now);
  void close(Workload::Sweep& sweep, SweepEnd how, Effects& effects);
  void end_sweep(Workload::Sweep& sweep, SweepEnd how, Effects& effects, Now now);
  const FailurePolicy& policy(StageIndex stage) { return workload_.owner(stage).policy; }

  // core_losses.cpp: failures, losses, and coming back
  Attempt what_is_left_of(const OpenAttempt& open) const;
  void on_failure(StageIndex stage, const StageOutcome& outcome, PoolId pool, int rank, Effects& effects, Now now);
  void make_inputs_again(StageIndex stage, const StageOutcome& outcome, FailureCharged charged, Effects& effects,
                         Now now);
  void charge(FailureCharged charged, StageIndex stage, ErrorKind kind, Effects& effects, Now now);
  void quarantine(FailureCharged charged, StageIndex stage, ErrorKind kind, Effects& effects, Now now);
  void record_quarantine(FailureCharged charged, StageIndex stage, ErrorKind kind, Effects& effects, Now now);
  void count_quarantine(StageIndex stage, Effects& effects, Now now);
  void charge_crash(const PoolSlot& lost, const PoolEnd& end, Effects& effects, Now now);
  void set_node_aside(const std::string& host, std::int64_t crashes, Effects& effects);
  void adopt(PoolId pool, int rank, const std::vector<std::uint64_t>& held, Effects& effects, Now now);
  void hold_again(std::uint64_t number, Attempt attempt);
  void stop_members(std::uint64_t number, const Attempt& attempt, Effects& effects) const;

  const bool stays_;
  Workload workload_;
  Plan plan_;
  Roster roster_;
  Blame blame_;
  NodeHealth nodes_;
  std::int64_t stages_to_do_ = 0;
  std::uint64_t next_attempt_;
  struct GivenUp {
    Attempt attempt;
    std::string owner;  ///< as in PoolSlot
  };
  std::map<std::uint64_t, GivenUp> given_up_;  ///< lost with their pools; a pool that comes back may still have them
  std::map<StageIndex, int> inputs_made_again_;
  std::size_t still_had_ = 0;  ///< stages that nobody needed, and that could not be forgotten
  std::optional<std::string> paused_;
  bool waits_for_space_ = false;
  std::optional<Now> unschedulable_since_;  ///< jobs ready, ranks idle, none will do; infinity once it was told
  bool stopping_ = false;
  bool dismissed_ = false;
  bool too_many_failures_ = false;
  std::int64_t jobs_finished_ = 0;
  std::int64_t activity_ = 0;
  std::int64_t recalled_ = 0;                        ///< attempts that were asked back and have not ended
  double mean_job_seconds_ = 1;                      ///< moving average; decides how many jobs wait at a rank
  std::unordered_map<std::uint64_t, Now> last_end_;  ///< by pool and rank
  double trained_cost_ = 0, trained_seconds_ = 0;
  std::size_t warnings_told_ = 0;
};

}  // namespace espalier
