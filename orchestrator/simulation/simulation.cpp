// A discrete-event simulation: the next event in virtual time is passed to the core, or to a virtual rank, and the
// resulting effects are scheduled. The core gets only the events that the coordinator also passes to it.
#include "orchestrator/simulation/simulation.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "orchestrator/scheduler/core.h"

namespace espalier {
namespace {

constexpr double kTickSeconds = 0.25;  // as the coordinator's

using Clock = std::chrono::steady_clock;

class Simulation {
 public:
  Simulation(StageGraph graph, const std::vector<double>& seconds, const SimulationSettings& settings,
             const FailurePolicy& policy)
      : seconds_(seconds),
        settings_(settings),
        core_(Core::Options{}),
        pools_(core_.graph(), seconds, settings, events_) {
    SweepToRun sweep{1, "simulated", std::move(graph), std::vector<bool>(seconds.size(), false)};
    sweep.policy = policy;
    apply([&] { return core_.add_sweep(std::move(sweep), now_); });
  }

  SimulationReport run() {
    const auto start = Clock::now();
    for (int pool = 0; pool < settings_.pools; ++pool) events_.schedule(0, PoolStarts{});
    while (!core_.too_many_failures() && (!core_.finished() || !core_.idle())) {
      if (events_.empty()) throw Error(ErrorKind::internal, "the simulation stands still before everything is done");
      auto [time, event] = events_.take();
      now_ = time;
      const bool was_finished = core_.finished();
      tick();
      std::visit([this](auto&& happening) { on(std::move(happening)); }, std::move(event));
      if (!was_finished && core_.finished()) report_.makespan_s = now_;
    }
    report_.stopped = core_.too_many_failures();
    if (report_.stopped) report_.makespan_s = now_;
    report_.load.wall_s = seconds_since(start);
    take_stock();
    return report_;
  }

 private:
  /// Passes an event to the core and performs its effects.
  template <typename Event>
  void apply(Event event) {
    const double before = processor_seconds();
    Effects effects = event();
    report_.load.core_s += processor_seconds() - before;
    ++report_.events;
    for (Effect& effect : effects) std::visit([this](auto& action) { perform(action); }, effect);
  }

  // Quarters of a second in which nothing happens are left out.
  void tick() {
    if (now_ - ticked_at_ < kTickSeconds) return;
    ticked_at_ = now_;
    apply([&] { return core_.on_tick(now_); });
  }

  void on(const PoolJoins& pool) {
    const std::string name = "pool-" + std::to_string(pool.pool);
    apply([&] { return core_.on_pool_joined(pool.pool, name, settings_.ranks, now_); });
    for (int rank = 0; rank < settings_.ranks; ++rank)
      apply([&] { return core_.on_rank_ready(pool.pool, rank, {1, name}, {}, now_); });
  }
  void on(const StageIsReached& reached) {
    StageOutcome outcome;
    outcome.key = core_.graph().stages[reached.stage].key;
    outcome.attempt = reached.attempt;
    apply([&] { return core_.on_stage_reached(reached.pool, reached.rank, std::move(outcome), now_); });
  }
  void on(const AttemptEnds& end) {
    const AttemptEnd said{end.attempt, end.interrupted, end.started, true, LossCause::drained};
    apply([&] { return core_.on_job_ended(end.pool, end.rank, said, now_); });
  }
  void on(const PoolFallsSilent& silent) {
    apply([&] { return core_.on_pool_silent(silent.pool, now_); });
  }
  void on(const PoolIsGivenUp& lost) { end_pool(lost.pool, LossCause::node_lost); }
  void on(const PoolHasLeft& left) { end_pool(left.pool, LossCause::drained); }
  void end_pool(PoolId pool, LossCause cause) {
    PoolEnd end;
    end.cause = cause;
    apply([&] { return core_.on_pool_lost(pool, end, now_); });
  }
  template <typename Event>
  void on(Event event) {
    pools_.on(std::move(event), now_);
  }

  void perform(SendJob& send) {
    JobArrives arrives{send.pool, send.rank, send.job.attempt, {}, std::move(send.gang)};
    for (const JobStage& stage : send.job.stages) arrives.stages.push_back(core_.find(stage.key).value());
    if (arrives.gang.empty()) arrives.gang.push_back(send.rank);
    ++report_.jobs;
    events_.schedule(now_ + settings_.latency_s, std::move(arrives));
  }
  void perform(const SendStop& stop) {
    events_.schedule(now_ + settings_.latency_s, StopArrives{stop.pool, stop.rank, stop.attempt});
  }
  void perform(const DismissPool& dismissed) {
    events_.schedule(now_ + settings_.latency_s, LeaveArrives{dismissed.pool});
  }
  void perform(const Record&) {}
  void perform(const Notice&) {}
  void perform(const ProtocolViolation&) {}
  void perform(const SweepEnded&) {}

  void take_stock() {
    const double before = processor_seconds();
    const SweepStatus status = core_.status();
    report_.load.status_s = processor_seconds() - before;
    report_.stages = status.stages;
    report_.stages_failed = status.stages_failed;
    report_.done_s = done_s();
    report_.ranks = std::int64_t{settings_.pools} * settings_.ranks;
    report_.losses = pools_.deaths();
    report_.computed_s = pools_.computed_s();
    report_.wasted_s = pools_.wasted_s();
  }
  double done_s() const {
    double done_s = 0;
    for (StageIndex stage = 0; stage < seconds_.size(); ++stage) {
      const Stage& one = core_.graph().stages[stage];
      if (core_.is_done(one.key)) done_s += seconds_[stage] * one.ranks;
    }
    return done_s;
  }

  const std::vector<double>& seconds_;
  const SimulationSettings& settings_;
  Core core_;
  EventQueue<VirtualEvent> events_;
  VirtualPools pools_;
  SimulationReport report_;
  Now now_ = 0;
  Now ticked_at_ = 0;
};

}  // namespace

double MakespanBounds::on_ranks(std::int64_t ranks) const {
  return std::max(critical_path_s, work_s / static_cast<double>(ranks));
}

MakespanBounds find_makespan_bounds(const StageGraph& graph, const std::vector<double>& seconds) {
  const Plan plan(graph, std::vector<bool>(graph.stages.size(), false));
  MakespanBounds bounds;
  std::vector<double> ends(graph.stages.size(), 0);  // at the earliest
  for (StageIndex stage = 0; stage < graph.stages.size(); ++stage) {
    if (plan.state(stage) == StageState::unneeded) continue;
    for (const StageInput& input : graph.stages[stage].inputs) ends[stage] = std::max(ends[stage], ends[input.stage]);
    if (const auto cut = graph.stages[stage].resume_from) ends[stage] = std::max(ends[stage], ends[*cut]);
    ends[stage] += seconds[stage];
    bounds.work_s += seconds[stage] * graph.stages[stage].ranks;
    bounds.critical_path_s = std::max(bounds.critical_path_s, ends[stage]);
  }
  return bounds;
}

SimulationReport simulate(StageGraph graph, const std::vector<double>& seconds, const SimulationSettings& settings,
                          const FailurePolicy& policy) {
  for (const Stage& stage : graph.stages) {
    if (stage.ranks > settings.ranks)
      throw Error(ErrorKind::invalid_input, fmt::format("--ranks: expected at least {}, for {}, found {}", stage.ranks,
                                                        stage.label, settings.ranks));
  }
  const MakespanBounds bounds = find_makespan_bounds(graph, seconds);
  const double before = processor_seconds();
  Simulation simulation(std::move(graph), seconds, settings, policy);
  const double prepare_s = processor_seconds() - before;
  SimulationReport report = simulation.run();
  report.load.prepare_s = prepare_s;
  report.bounds = bounds;
  return report;
}

}  // namespace espalier
