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
  /// Most attempts of lost pools that are remembered, in case a pool reconnects.
  static constexpr std::size_t kMostGivenUp = 10000;

  // core_sweeps.cpp
  Effects add_sweep(SweepToRun sweep, Now now);
  /// Recalls the stages that no other sweep needs.
  Effects cancel_sweep(SweepId sweep, Now now);
  /// Hands out no more of its jobs, unless another sweep needs them; running jobs go on.
  Effects pause_sweep(SweepId sweep, Now now);
  Effects resume_sweep(SweepId sweep, Now now);
  Effects set_priority(SweepId sweep, int priority, Now now);
  /// No sweep needs most of the known stages any more.
  bool is_worth_forgetting() const;
  /// Drops the stages of ended sweeps, except those that another sweep needs or a pool holds. Costs as much as
  /// add_sweep.
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
    bool waits = false;   ///< queued behind another job of the rank
    double fraction = 0;  ///< of the present stage
  };
  /// In order of pool and rank; at most `most`.
  std::vector<RunningJob> running_jobs(std::size_t most) const;
  /// Ready jobs that no connected rank can take now, by their demand; none while all is paused.
  std::vector<WaitingJobs> waiting_jobs() const;
  /// Trial counts of one sweep, active or ended.
  SweepStatus sweep_status(const Workload::Sweep& sweep) const;

  /// Attempts that an earlier coordinator sent to a pool of that name, which may reconnect with them. No other pool
  /// gets their stages until that pool joins or is lost. Call it before all other events except those of sweeps.
  Effects remember_pool(PoolId pool, std::string name, const std::vector<OpenAttempt>& attempts, Now now);
  /// Attempts that an earlier coordinator gave up: their pools may still reconnect with them.
  void remember_given_up(const std::vector<OpenAttempt>& attempts);
  /// A new pool, or one that was silent and has reconnected. `owner` is PoolSlot::owner. A message about an attempt
  /// that it does not own yields a ProtocolViolation.
  Effects on_pool_joined(PoolId pool, std::string name, int ranks, Now now, std::vector<std::string> labels = {},
                         const std::string& owner = "");
  /// `held`: the attempts that the rank runs or has queued, in order. Other attempts sent to it never arrived.
  Effects on_rank_ready(PoolId pool, int rank, RankFacts facts, const std::vector<std::uint64_t>& held, Now now);
  /// Accepted for a stage of an attempt that the pool holds, or held until it was given up and whose stage has no
  /// outcome yet: outcomes of equal stages are equal.
  Effects on_stage_reached(PoolId pool, int rank, StageOutcome outcome, Now now);
  /// The database cannot hold this outcome, which was accepted before: its stage has failed.
  Effects on_outcome_refused(const StageOutcome& outcome, const std::string& why, Now now);
  Effects on_job_ended(PoolId pool, int rank, const AttemptEnd& end, Now now);
  /// `fraction` of the attempt's present stage is done; for the estimate of the time left.
  void on_progress(PoolId pool, std::uint64_t attempt, double fraction);
  /// Whether this pool may upload a file of this stage: it runs the stage, or ran it until it was given up and no other
  /// pool does.
  enum class FileClaim {
    wanted,
    done,    ///< the stage is done: its file is not replaced
    foreign  ///< another pool runs the stage, or none
  };
  FileClaim claim_of(PoolId pool, const StageKey& key) const;
  /// Its connection broke. It may reconnect; until then it gets no new jobs and keeps those it holds.
  Effects on_pool_silent(PoolId pool, Now now);
  /// Asks it to checkpoint and leave; it gets no new jobs.
  Effects drain_pool(PoolId pool, Now now);
  /// It will not reconnect.
  Effects on_pool_lost(PoolId pool, const PoolEnd& end, Now now);
  /// Time has passed.
  Effects on_tick(Now now);
  /// Hands out nothing until resume; running jobs go on.
  Effects pause(const std::string& why);
  Effects resume(Now now);
  /// Ctrl-C or cancel: hands out nothing more and dismisses the pools.
  Effects stop(Now now);

  /// Every trial has its outcome or cannot get one.
  bool finished() const { return plan_.finished(); }
  bool stopping() const { return stopping_; }
  bool is_paused() const { return paused_.has_value(); }
  /// A worker's disk was full, and no resume has followed.
  bool waits_for_space() const { return waits_for_space_; }
  /// A sweep exceeded FailurePolicy::max_failures, and everything was stopped.
  bool too_many_failures() const { return too_many_failures_; }
  /// Null if no sweep has it.
  const Stage* find_stage(const StageKey& key) const;
  bool is_done(const StageKey& key) const;
  /// No attempt is open.
  bool idle() const { return roster_.attempts().empty(); }
  SweepStatus status() const;
  /// Grows with every outcome and every ended attempt: a sign of progress.
  std::int64_t activity() const { return activity_; }

 private:
  // core_hand_out.cpp
  void hand_out(Effects& effects, Now now);
  bool hand_out_alone(Effects& effects, Now now);
  void hand_out_ready(Effects& effects, Now now);
  bool hand_out_one(StageIndex first, std::size_t depth, Effects& effects, Now now);
  bool hand_out_gang(StageIndex first, Effects& effects, Now now);
  bool send_gang(PoolId pool, StageIndex first, Effects& effects, Now now);
  bool has_ready_for_busy_hosts() const;
  void drop_reservations();
  void drop_reservations_for(StageIndex stage);
  bool is_worth_keeping(PoolId pool, const Reservation& reservation) const;
  bool is_outranked(PoolId pool, StageIndex stage) const;
  std::set<StageIndex> excluded_stages(PoolId pool) const;
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
  void report_warnings(const Stage& stage, const StageOutcome& outcome, Effects& effects);
  void end_attempt(std::uint64_t attempt, const std::string& how, const std::string& why,
                   std::optional<LossCause> cause, Effects& effects, Now now);
  void dismiss_all_pools(Effects& effects);
  std::string name_of(StageIndex stage) const;

  // core_sweeps.cpp
  void replan(Effects& effects, Now now);
  void take_held_stages();
  void recall_unwanted(Effects& effects);
  void settle_sweeps(Effects& effects, Now now);
  void warn_unschedulable(Effects& effects, Now now);
  void close(Workload::Sweep& sweep, SweepEnd how, Effects& effects);
  void end_sweep(Workload::Sweep& sweep, SweepEnd how, Effects& effects, Now now);
  const FailurePolicy& policy(StageIndex stage) { return workload_.owner(stage).policy; }

  // core_losses.cpp: failures, losses, and coming back
  Attempt unfinished_part_of(const OpenAttempt& open) const;
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
  std::map<std::uint64_t, GivenUp> given_up_;  ///< lost with their pools; a pool that reconnects may still hold them
  std::map<StageIndex, int> inputs_made_again_;
  std::size_t kept_unneeded_ = 0;  ///< unneeded stages that could not be dropped
  std::optional<std::string> paused_;
  bool waits_for_space_ = false;
  std::optional<Now> unschedulable_since_;  ///< jobs ready, ranks idle, none fits; infinity once warned
  bool stopping_ = false;
  bool dismissed_ = false;
  bool too_many_failures_ = false;
  std::int64_t jobs_finished_ = 0;
  std::int64_t activity_ = 0;
  std::int64_t recalled_ = 0;                        ///< recalled attempts that have not ended
  double mean_job_seconds_ = 1;                      ///< moving average; decides how many jobs wait at a rank
  std::unordered_map<std::uint64_t, Now> last_end_;  ///< by pool and rank
  double trained_cost_ = 0, trained_seconds_ = 0;
  std::size_t warnings_reported_ = 0;
};

}  // namespace espalier
