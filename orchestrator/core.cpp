// The core keeps, for each rank, the queue of attempts it was handed, in the order it runs them. So "running" needs no
// message: it is the front of the queue, and when a pool is lost only fronts are suspects. Ready jobs go to the rank
// with the shortest queue. One job waits behind the running one, so that no rank waits for a round trip; when jobs are
// shorter than a round trip, more of them wait. A job that waits while another rank is idle is taken back for it.
#include "orchestrator/core.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace espalier {
namespace {

constexpr std::size_t kMostWarningsTold = 20;
constexpr int kCrashBudget = 3;
/// Jobs worth this much time wait at a rank: a few round trips through the gateway, and a commit of the store.
constexpr double kQueuedSeconds = 0.05;
constexpr std::size_t kDeepestQueue = 256;
/// Below this a waiting job is not worth taking back.
constexpr double kWorthMovingSeconds = 0.2;

std::uint64_t rank_id(PoolId pool, int rank) {
  return static_cast<std::uint64_t>(pool) << 32 | static_cast<std::uint32_t>(rank);
}

}  // namespace

Core::Core(const StageGraph& graph, const std::vector<bool>& done, std::uint32_t generation)
    : graph_(graph),
      plan_(graph, done),
      stages_to_do_(plan_.open_count()),
      next_attempt_((static_cast<std::uint64_t>(generation) << 32) + 1) {
  index_of_.reserve(graph.stages.size());
  for (StageIndex stage = 0; stage < graph.stages.size(); ++stage) index_of_.emplace(graph.stages[stage].key, stage);
}

Effects Core::on_pool_joined(PoolId pool, std::string name, int ranks, Now) {
  Effects effects;
  pools_[pool] = Pool{std::move(name), std::vector<Rank>(static_cast<std::size_t>(ranks))};
  if (stopping_ || finished()) effects.emplace_back(DismissPool{pool});
  return effects;
}

Effects Core::on_rank_ready(PoolId pool, int rank, EnvironmentId environment, Now now) {
  Effects effects;
  const auto found = pools_.find(pool);
  if (found == pools_.end() || rank < 0 || static_cast<std::size_t>(rank) >= found->second.ranks.size()) return effects;
  Rank& slot = found->second.ranks[static_cast<std::size_t>(rank)];
  slot.ready = true;
  slot.environment = environment;
  hand_out(effects, now);
  return effects;
}

std::size_t Core::queue_depth() const {
  const double wanted = kQueuedSeconds / std::max(mean_job_seconds_, 1e-6);
  return 1 + std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, kDeepestQueue);
}

Core::Rank* Core::idlest_rank(PoolId& pool, int& rank, std::size_t depth, const std::set<PoolId>& closed) {
  Rank* best = nullptr;
  for (auto& [id, candidate] : pools_) {
    if (closed.count(id) != 0) continue;
    for (std::size_t i = 0; i < candidate.ranks.size(); ++i) {
      Rank& slot = candidate.ranks[i];
      if (!slot.ready || slot.queue.size() >= depth || (best != nullptr && slot.queue.size() >= best->queue.size()))
        continue;
      best = &slot;
      pool = id;
      rank = static_cast<int>(i);
    }
  }
  return best;
}

bool Core::has_suspect(PoolId pool) const {
  return std::any_of(attempts_.begin(), attempts_.end(), [&](const auto& entry) {
    const Attempt& attempt = entry.second;
    return attempt.pool == pool && std::any_of(attempt.stages.begin(), attempt.stages.end(),
                                               [&](StageIndex stage) { return suspects_.count(stage) != 0; });
  });
}

void Core::hand_out(Effects& effects, Now now) {
  if (stopping_) return;
  const std::size_t depth = queue_depth();
  const std::set<StageIndex> nothing;
  std::set<PoolId> closed;  // what is left is suspect, and so is something they run
  while (plan_.has_ready()) {
    PoolId pool = 0;
    int rank = 0;
    Rank* slot = idlest_rank(pool, rank, depth, closed);
    if (slot == nullptr) break;
    const auto stages = plan_.take_job(!suspects_.empty() && has_suspect(pool) ? suspects_ : nothing);
    if (!stages) {
      closed.insert(pool);
      continue;
    }
    const std::uint64_t number = next_attempt_++;
    AttemptStarted started{number, pools_[pool].name, rank, slot->environment, {}, now};
    for (const StageIndex stage : *stages) started.stages.push_back(graph_.stages[stage].key);
    effects.emplace_back(Record{std::move(started)});
    effects.emplace_back(SendJob{pool, rank, make_job(number, *stages)});
    slot->queue.push_back(number);
    attempts_.emplace(number, Attempt{*stages, 0, pool, rank, now, false, 0});
  }
  if (!plan_.has_ready()) take_back_for_idle_ranks(effects);
  if (finished()) dismiss_everybody(effects);
}

void Core::take_back_for_idle_ranks(Effects& effects) {
  if (mean_job_seconds_ < kWorthMovingSeconds) return;
  std::int64_t idle = 0;
  for (const auto& [id, pool] : pools_) {
    idle += std::count_if(pool.ranks.begin(), pool.ranks.end(),
                          [](const Rank& rank) { return rank.ready && rank.queue.empty(); });
  }
  for (auto& [number, attempt] : attempts_) idle -= attempt.recalled ? 1 : 0;
  for (auto& [id, pool] : pools_) {
    for (Rank& rank : pool.ranks) {
      if (idle <= 0) return;
      if (rank.queue.size() < 2) continue;
      Attempt& last = attempts_.at(rank.queue.back());
      if (last.recalled) continue;
      last.recalled = true;
      --idle;
      effects.emplace_back(SendStop{id, last.rank, rank.queue.back()});
    }
  }
}

Job Core::make_job(std::uint64_t attempt, const std::vector<StageIndex>& stages) const {
  Job job{attempt, {}};
  for (const StageIndex index : stages) {
    const Stage& stage = graph_.stages[index];
    JobStage wire{stage.key, stage.kind, stage.seed, *stage.spec, {}, std::nullopt, stage.keep_resume_state, "", ""};
    for (const StageInput& input : stage.inputs) wire.inputs.emplace_back(input.role, graph_.stages[input.stage].key);
    if (stage.resume_from) wire.resume_from = graph_.stages[*stage.resume_from].key;
    if (stage.dataset_path) wire.dataset_path = *stage.dataset_path;
    if (stage.model_path) wire.model_path = *stage.model_path;
    job.stages.push_back(std::move(wire));
  }
  return job;
}

Effects Core::on_stage_reached(PoolId pool, int rank, StageOutcome outcome, Now now) {
  Effects effects;
  const auto found = attempts_.find(outcome.attempt);
  const auto index = index_of_.find(outcome.key);
  if (found == attempts_.end() || index == index_of_.end() || found->second.pool != pool ||
      found->second.rank != rank) {
    return effects;  // a late word about an attempt that was given up
  }
  Attempt& attempt = found->second;
  if (attempt.reached < attempt.stages.size() && attempt.stages[attempt.reached] == index->second) {
    ++attempt.reached;
    attempt.fraction = 0;
  }
  const EnvironmentId environment = pools_[pool].ranks[static_cast<std::size_t>(rank)].environment;
  const Stage& stage = graph_.stages[index->second];
  if (outcome.failure) {
    fail_stage(index->second, outcome, environment, effects, now);
  } else {
    if (stage.kind == StageKind::train && outcome.first_step < outcome.steps) {
      trained_cost_ += stage.cost;
      trained_seconds_ += outcome.wall_s;
    }
    plan_.on_done(index->second);
    suspects_.erase(index->second);
    tell_warnings(stage, outcome, effects);
    effects.emplace_back(Record{StageFinished{std::move(outcome), environment, now}});
  }
  hand_out(effects, now);
  return effects;
}

// All are in the store; a sweep that goes to extremes may have thousands.
void Core::tell_warnings(const Stage& stage, const StageOutcome& outcome, Effects& effects) {
  for (const std::string& warning : outcome.warnings) {
    if (warnings_told_ >= kMostWarningsTold) return;
    effects.emplace_back(
        Tell{fmt::format("warning: {} [{}]: {}", stage.label, to_hex(stage.key).substr(0, 12), warning)});
    if (++warnings_told_ == kMostWarningsTold)
      effects.emplace_back(Tell{"further warnings are in the store (table stage_warnings)"});
  }
}

void Core::fail_stage(StageIndex stage, const StageOutcome& outcome, EnvironmentId environment, Effects& effects,
                      Now now) {
  const Failure& failure = *outcome.failure;
  if (failure.kind == ErrorKind::exhausted) {
    // The machine's fault, not the stage's: nothing is charged, and the same sweep goes on after space was made.
    exhausted_ = failure.message;
    for (Effect& effect : stop(now)) effects.push_back(std::move(effect));
    return;
  }
  plan_.on_failed(stage);
  suspects_.erase(stage);
  effects.emplace_back(
      Tell{fmt::format("failed: {} [{}]: {}: {}", graph_.stages[stage].label,
                       to_hex(graph_.stages[stage].key).substr(0, 12), to_string(failure.kind), failure.message)});
  effects.emplace_back(Record{StageFinished{outcome, environment, now}});
}

Effects Core::on_job_ended(PoolId pool, int rank, std::uint64_t number, bool interrupted, Now now) {
  Effects effects;
  const auto found = attempts_.find(number);
  if (found == attempts_.end() || found->second.pool != pool || found->second.rank != rank) return effects;
  if (!interrupted) {
    ++jobs_finished_;
    // From the end before it, or from when it was sent if the rank had nothing then.
    const auto last = last_end_.find(rank_id(pool, rank));
    const Now began = last == last_end_.end() ? found->second.sent_at : std::max(last->second, found->second.sent_at);
    mean_job_seconds_ = 0.8 * mean_job_seconds_ + 0.2 * std::max(0.0, now - began);
    last_end_[rank_id(pool, rank)] = now;
  }
  // An interruption that nobody here asked for: the rank was told to leave, and takes no more.
  if (interrupted && !found->second.recalled) pools_.at(pool).ranks[static_cast<std::size_t>(rank)].ready = false;
  const bool all_reached = found->second.reached == found->second.stages.size();
  end_attempt(number, interrupted ? "interrupted" : all_reached ? "finished" : "failed", "", effects, now);
  hand_out(effects, now);
  return effects;
}

void Core::end_attempt(std::uint64_t number, const std::string& how, const std::string& why, Effects& effects,
                       Now now) {
  const auto found = attempts_.find(number);
  const Attempt attempt = std::move(found->second);
  attempts_.erase(found);
  const auto pool = pools_.find(attempt.pool);
  if (pool != pools_.end()) {
    auto& queue = pool->second.ranks[static_cast<std::size_t>(attempt.rank)].queue;
    queue.erase(std::remove(queue.begin(), queue.end(), number), queue.end());
  }
  plan_.give_back(attempt.stages);
  effects.emplace_back(Record{AttemptEnded{number, how, why, now}});
}

void Core::on_progress(std::uint64_t attempt, double fraction) {
  const auto found = attempts_.find(attempt);
  if (found != attempts_.end()) found->second.fraction = std::clamp(fraction, 0.0, 1.0);
}

void Core::on_pool_silent(PoolId pool) {
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return;
  for (Rank& rank : found->second.ranks) rank.ready = false;
}

Effects Core::on_pool_lost(PoolId pool, bool expected, const std::string& why, Now now) {
  Effects effects;
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return effects;
  const Pool lost = std::move(found->second);
  pools_.erase(found);
  std::vector<std::uint64_t> running;
  for (const Rank& rank : lost.ranks) {
    if (!rank.queue.empty()) running.push_back(rank.queue.front());
  }
  if (!expected) blame(running, why, effects, now);
  for (const Rank& rank : lost.ranks) {
    for (const std::uint64_t number : rank.queue) {
      end_attempt(number, expected ? "interrupted" : "lost", why, effects, now);
    }
  }
  hand_out(effects, now);
  return effects;
}

// MPI takes a whole pool down with one rank, so of several that ran any may be the culprit. They become suspects: each
// runs again with no other suspect in its pool, and the next crash has one name. Whoever ran alone has it at once.
void Core::blame(const std::vector<std::uint64_t>& running, const std::string& why, Effects& effects, Now now) {
  std::vector<std::uint64_t> known;
  for (const std::uint64_t number : running) {
    const Attempt& attempt = attempts_.at(number);
    if (attempt.reached == attempt.stages.size()) continue;
    const StageIndex stage = attempt.stages[attempt.reached];
    if (suspects_.count(stage) != 0) known.push_back(number);
    suspects_.insert(stage);
  }
  if (running.size() == 1) {
    charge_crash(running.front(), why, effects, now);
  } else if (known.size() == 1) {
    charge_crash(known.front(), why, effects, now);
  }
}

void Core::charge_crash(std::uint64_t number, const std::string& why, Effects& effects, Now now) {
  const Attempt& attempt = attempts_.at(number);
  if (attempt.reached == attempt.stages.size()) return;
  const StageIndex stage = attempt.stages[attempt.reached];
  if (++crashes_[stage] < kCrashBudget) return;
  StageOutcome outcome;
  outcome.key = graph_.stages[stage].key;
  outcome.attempt = number;
  outcome.failure =
      Failure{ErrorKind::unavailable,
              fmt::format("its worker was lost {} times while it ran; the last time: {}", kCrashBudget, why)};
  fail_stage(stage, outcome, 0, effects, now);
}

Effects Core::stop(Now) {
  Effects effects;
  stopping_ = true;
  dismiss_everybody(effects);
  return effects;
}

void Core::dismiss_everybody(Effects& effects) {
  if (std::exchange(dismissed_, true)) return;
  for (const auto& [id, pool] : pools_) effects.emplace_back(DismissPool{id});
}

SweepStatus Core::status() const {
  SweepStatus status;
  status.trials = static_cast<std::int64_t>(graph_.trials.size());
  for (const TrialStages& trial : graph_.trials) {
    const StageState state = plan_.state(trial.evaluate);
    status.trials_done += state == StageState::done ? 1 : 0;
    status.trials_failed += state == StageState::failed || state == StageState::blocked ? 1 : 0;
  }
  status.jobs_finished = jobs_finished_;
  for (const auto& [id, pool] : pools_) {
    for (const Rank& rank : pool.ranks) {
      status.ranks += rank.ready ? 1 : 0;
      status.jobs_running += rank.queue.empty() ? 0 : 1;
    }
  }
  status.stages = stages_to_do_;
  status.stages_done = stages_to_do_ - plan_.open_count();
  status.stages_failed = plan_.failed_count();
  status.remaining_cost = plan_.remaining_cost();
  for (const auto& [number, attempt] : attempts_) {
    if (attempt.reached < attempt.stages.size()) {
      status.remaining_cost -= attempt.fraction * graph_.stages[attempt.stages[attempt.reached]].cost;
    }
  }
  status.critical_path_cost = plan_.critical_path_cost();
  if (trained_cost_ > 0) status.seconds_per_cost = trained_seconds_ / trained_cost_;
  return status;
}

}  // namespace espalier
