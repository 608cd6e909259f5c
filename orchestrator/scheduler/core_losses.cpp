// Failures and losses. A failure has a cause, a cause has a budget (experiments/stages/loss_cause.h), and one switch
// over budgets decides: a stage without fault is given back, a crash is charged to its culprit, an error or a lack of
// memory to the stage that had it, a full disk pauses the sweep, and a damaged input is made again.
#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/scheduler/core.h"

namespace espalier {
namespace {

/// A rank whose neighbor died had this long to write and report its checkpoint before its pool ended.
constexpr double kDeathThroesSeconds = 10;
constexpr int kMostInputRepairs = 3;

bool reads(const Stage& stage, StageIndex input) {
  return stage.resume_from == input ||
         std::ranges::any_of(stage.inputs, [&](const StageInput& one) { return one.stage == input; });
}

}  // namespace

/// The attempt's stages that are not done, by their present indices.
Attempt Core::unfinished_part_of(const OpenAttempt& open) const {
  Attempt attempt;
  for (const StageKey& key : open.stages) {
    const std::optional<StageIndex> stage = workload_.find(key);
    if (!stage) continue;
    const bool done = plan_.state(*stage) == StageState::done;
    if (!done || !attempt.stages.empty()) attempt.stages.push_back(*stage);
  }
  attempt.rank = open.rank;
  attempt.gang = open.gang;
  attempt.sent_at = open.started_at;
  if (attempt.stages.empty()) return attempt;
  // Neither is recorded; both follow from recorded facts.
  const Demand& demand = workload_.demand(plan_.group(attempt.stages.front()));
  attempt.gpus = demand.resources.gpus;
  attempt.alone_on_host = demand.alone_on_host;
  attempt.alone = blame_.must_be_alone(attempt.stages.front());
  return attempt;
}

void Core::remember_given_up(const std::vector<OpenAttempt>& attempts) {
  for (const OpenAttempt& open : attempts) {
    Attempt attempt = unfinished_part_of(open);
    if (!attempt.stages.empty()) given_up_[open.attempt] = {std::move(attempt), open.owner};
  }
}

Effects Core::remember_pool(PoolId pool, std::string name, const std::vector<OpenAttempt>& attempts, Now now) {
  Effects effects;
  int ranks = 0;
  for (const OpenAttempt& attempt : attempts) {
    ranks = std::max(ranks, attempt.rank + 1);
    for (const int member : attempt.gang) ranks = std::max(ranks, member + 1);
  }
  PoolSlot& slot = roster_.join(pool, std::move(name), ranks);
  if (!attempts.empty()) slot.owner = attempts.front().owner;
  for (const OpenAttempt& open : attempts) {
    Attempt attempt = unfinished_part_of(open);
    attempt.pool = pool;
    if (attempt.stages.empty()) {  // all its stages have outcomes already
      effects.emplace_back(Record{AttemptEnded{open.attempt, "finished", "", now, std::nullopt}});
    } else if (plan_.take_again(attempt.stages)) {
      hold_again(open.attempt, std::move(attempt));
    } else {
      const bool is_elsewhere =
          std::ranges::any_of(attempt.stages, [&](StageIndex stage) { return roster_.pool_with(stage).has_value(); });
      given_up_[open.attempt] = {std::move(attempt), open.owner};
      effects.emplace_back(Record{AttemptEnded{
          open.attempt, "lost",
          is_elsewhere ? "another attempt has what it is there for" : "what it needs is not there any more", now,
          LossCause::coordinator_lost}});
    }
  }
  return effects;
}

Effects Core::on_pool_silent(PoolId pool, Now now) {
  Effects effects;
  roster_.silence(pool);
  hand_out(effects, now);  // its reservation may move to another pool
  return effects;
}

void Core::adopt(PoolId pool, int rank, const std::vector<std::uint64_t>& held, Effects& effects, Now now) {
  const std::deque<std::uint64_t> thought = roster_.find(pool, rank)->queue;
  for (const std::uint64_t number : thought) {
    const Attempt* known = roster_.find_attempt(number);
    if (known == nullptr || known->rank != rank) continue;  // only a gang's first rank reports it as held
    if (std::find(held.begin(), held.end(), number) != held.end()) continue;
    stop_members(number, *known, effects);
    end_attempt(number, "returned", "it never reached its rank", LossCause::coordinator_lost, effects, now);
  }
  for (const std::uint64_t number : held) {
    if (const Attempt* known = roster_.find_attempt(number)) {
      if (known->pool != pool) {
        effects.emplace_back(ProtocolViolation{pool, fmt::format("attempt {}, which another pool has", number)});
        effects.emplace_back(SendStop{pool, rank, number});
        continue;
      }
      if (known->recalled) effects.emplace_back(SendStop{pool, rank, number});  // the first SendStop may be lost
      if (known->gang.empty()) roster_.move(number, pool, rank);
      continue;
    }
    const auto lost = given_up_.find(number);
    if (lost == given_up_.end() || lost->second.owner != roster_.find(pool)->owner ||
        !plan_.take_again(lost->second.attempt.unreached())) {
      effects.emplace_back(SendStop{pool, rank, number});  // another attempt has its stages
      continue;
    }
    Attempt attempt = std::move(lost->second.attempt);
    given_up_.erase(lost);
    attempt.pool = pool;
    attempt.rank = rank;
    attempt.recalled = false;
    AttemptStarted again{number, roster_.find(pool)->name,  rank,        roster_.find(pool, rank)->environment, {},
                         now,    roster_.find(pool)->owner, attempt.gang};
    for (const StageIndex stage : attempt.stages) again.stages.push_back(graph().stages[stage].key);
    effects.emplace_back(Record{std::move(again)});
    hold_again(number, std::move(attempt));
  }
}

void Core::hold_again(std::uint64_t number, Attempt attempt) {
  const PoolId pool = attempt.pool;
  const StageIndex present = attempt.stages[attempt.reached];
  const bool alone = attempt.alone;
  roster_.hold(number, std::move(attempt));
  if (alone) roster_.reserve(pool, Reservation{present, Reservation::Why::alone});
}

/// They may have received the job that the first rank never got, and would wait for it.
void Core::stop_members(std::uint64_t number, const Attempt& attempt, Effects& effects) const {
  if (graph().stages[attempt.stages.front()].ranks < 2) return;
  std::vector<int> ranks = attempt.gang;
  if (ranks.empty()) {  // an earlier coordinator sent it; its ranks are not recorded
    ranks.resize(roster_.pools().at(attempt.pool).ranks.size());
    std::iota(ranks.begin(), ranks.end(), 0);
  }
  for (const int rank : ranks) {
    if (rank != attempt.rank) effects.emplace_back(SendStop{attempt.pool, rank, number});
  }
}

void Core::on_failure(StageIndex stage, const StageOutcome& outcome, PoolId pool, int rank, Effects& effects, Now now) {
  const Failure& failure = *outcome.failure;
  const RankSlot* slot = roster_.find(pool, rank);
  FailureCharged charged;
  charged.attempt = outcome.attempt;
  charged.cause = failure.cause;
  charged.host = slot == nullptr ? "" : slot->host;
  charged.pool = slot == nullptr ? "" : roster_.find(pool)->name;
  charged.rank = rank;
  charged.message = failure.message;
  switch (budget_of(failure.cause)) {
    case Budget::machine:
      for (Effect& effect : pause(failure.message)) effects.push_back(std::move(effect));
      waits_for_space_ = true;
      return;
    case Budget::input:
      return make_inputs_again(stage, outcome, std::move(charged), effects, now);
    case Budget::none:
    case Budget::crash:
    case Budget::error:
    case Budget::memory:
      charge(std::move(charged), stage, failure.kind, effects, now);
  }
}

void Core::make_inputs_again(StageIndex stage, const StageOutcome& outcome, FailureCharged charged, Effects& effects,
                             Now now) {
  const std::string& message = outcome.failure->message;
  bool found = false;
  for (const StageKey& key : outcome.failure->damaged) {
    const std::optional<StageIndex> input = workload_.find(key);
    if (!input || !reads(graph().stages[stage], *input)) continue;  // it may reopen only its own inputs
    found = true;
    plan_.reopen(*input);
    effects.emplace_back(Record{StageReopened{key, "made again: " + message}});
  }
  // Sweeps may have ended since the last replan; their targets do not count for those inputs.
  plan_.replan(workload_.targets(), workload_.groups());
  for (Workload::Sweep& sweep : workload_.sweeps()) sweep.settled = 0;
  if (found && ++inputs_made_again_[stage] <= kMostInputRepairs) {
    effects.emplace_back(Notice{fmt::format("{}: {}; making it again", name_of(stage), message)});
    return;
  }
  quarantine(std::move(charged), stage, ErrorKind::corrupt, effects, now);
}

/// Only for a stage that a sweep needs; other failures do not count.
void Core::charge(FailureCharged charged, StageIndex stage, ErrorKind kind, Effects& effects, Now now) {
  if (!plan_.is_open(stage)) return;
  if (blame_.charge(stage, charged.cause, charged.host, policy(stage))) {
    return quarantine(std::move(charged), stage, kind, effects, now);
  }
  charged.stage = graph().stages[stage].key;
  charged.at = now;
  effects.emplace_back(
      Notice{fmt::format("{}: {}: {}; it is tried again{}", name_of(stage), to_string(charged.cause), charged.message,
                         blame_.must_be_alone(stage) ? ", with a pool to itself" : "")});
  effects.emplace_back(Record{std::move(charged)});
}

void Core::quarantine(FailureCharged charged, StageIndex stage, ErrorKind kind, Effects& effects, Now now) {
  plan_.on_failed(stage);
  blame_.settle(stage);
  record_quarantine(std::move(charged), stage, kind, effects, now);
}

// Not retried: a worker reports the same for equal work, and this may be the last open stage of the run.
Effects Core::on_outcome_refused(const StageOutcome& outcome, const std::string& why, Now now) {
  Effects effects;
  const std::optional<StageIndex> stage = find(outcome.key);
  if (!stage || plan_.state(*stage) != StageState::done) return effects;  // dropped, or reopened
  plan_.revoke(*stage);
  for (Workload::Sweep& sweep : workload_.sweeps()) sweep.settled = 0;
  FailureCharged charged;
  charged.attempt = outcome.attempt;
  charged.message = "what its worker reported cannot be in the database: " + why;
  record_quarantine(std::move(charged), *stage, ErrorKind::internal, effects, now);
  hand_out(effects, now);
  return effects;
}

void Core::record_quarantine(FailureCharged charged, StageIndex stage, ErrorKind kind, Effects& effects, Now now) {
  charged.stage = graph().stages[stage].key;
  charged.at = now;
  charged.quarantined = true;
  effects.emplace_back(
      Notice{fmt::format("failed: {}: {}: {}", name_of(stage), to_string(charged.cause), charged.message)});
  StageOutcome outcome;
  outcome.key = charged.stage;
  outcome.attempt = charged.attempt;
  outcome.failure = Failure{kind, charged.message, charged.cause, {}};
  effects.emplace_back(Record{StageFinished{std::move(outcome), 0, now}});
  effects.emplace_back(Record{std::move(charged)});
  count_quarantine(stage, effects, now);
}

/// For every sweep that needs it and has a limit.
void Core::count_quarantine(StageIndex stage, Effects& effects, Now now) {
  const bool limited = std::ranges::any_of(
      workload_.sweeps(), [](const Workload::Sweep& sweep) { return sweep.policy.max_failures.has_value(); });
  if (!limited) return;
  for (Workload::Sweep* sweep : workload_.wanted_by(stage)) {
    const std::optional<std::int64_t> most = sweep->policy.max_failures;
    ++sweep->quarantined;
    if (!most || sweep->quarantined <= *most || stopping_) continue;
    effects.emplace_back(Notice{fmt::format("stopping: {} failed, and at most {} may", sweep->quarantined, *most)});
    if (stays_) {
      end_sweep(*sweep, SweepEnd::too_many_failures, effects, now);
      continue;
    }
    too_many_failures_ = true;
    for (Effect& effect : stop(now)) effects.push_back(std::move(effect));
  }
}

Effects Core::on_pool_lost(PoolId pool, const PoolEnd& end, Now now) {
  Effects effects;
  if (roster_.find(pool) == nullptr) return effects;
  const bool crashed = budget_of(end.cause) != Budget::none;
  const bool in_order = !crashed && end.cause != LossCause::coordinator_lost;
  roster_.silence(pool);
  const PoolSlot lost = *roster_.find(pool);
  if (crashed) charge_crash(lost, end, effects, now);
  for (const RankSlot& rank : lost.ranks) {
    bool running = true;
    for (const std::uint64_t number : rank.queue) {
      if (roster_.find_attempt(number) == nullptr) {  // a gang's attempt, ended with its first rank
        running = false;
        continue;
      }
      const Attempt& attempt = *roster_.find_attempt(number);
      const std::string how = attempt.all_reached() ? "finished"
                              : !running            ? "returned"
                              : in_order            ? "interrupted"
                                                    : "lost";
      if (!attempt.all_reached()) {
        given_up_[number] = {attempt, lost.owner};
        if (given_up_.size() > kMostGivenUp) given_up_.erase(given_up_.begin());
      }
      end_attempt(number, how, end.why, attempt.all_reached() ? std::nullopt : std::optional(end.cause), effects, now);
      running = false;
    }
  }
  roster_.remove(pool);
  hand_out(effects, now);
  return effects;
}

void Core::charge_crash(const PoolSlot& lost, const PoolEnd& end, Effects& effects, Now now) {
  std::vector<Blame::Running> running;
  std::map<std::uint64_t, RankEnd> notes;
  for (std::size_t rank = 0; rank < lost.ranks.size(); ++rank) {
    if (lost.ranks[rank].queue.empty()) continue;
    const std::uint64_t number = lost.ranks[rank].queue.front();
    const Attempt& attempt = *roster_.find_attempt(number);
    if (attempt.all_reached() || attempt.failure || attempt.rank != static_cast<int>(rank)) continue;
    const std::vector<int> members = attempt.ranks();
    Blame::Running one{number, attempt.stages[attempt.reached], attempt.unreached(), false};
    for (const RankEnd& culprit : end.culprits) {
      const bool its_own = std::ranges::find(members, culprit.rank) != members.end();
      if (!its_own || (culprit.attempt != 0 && culprit.attempt != number)) continue;
      one.named = true;
      notes[number] = culprit;
    }
    running.push_back(std::move(one));
  }
  std::vector<StageIndex> interrupted;
  for (const auto& [at, stage] : lost.interrupted) {
    if (now - at < kDeathThroesSeconds) interrupted.push_back(stage);
  }
  for (const Blame::Running& culprit : blame_.on_crash(running, interrupted)) {
    const Attempt& attempt = *roster_.find_attempt(culprit.attempt);
    const auto rank = static_cast<std::size_t>(attempt.rank);
    const auto note = notes.find(culprit.attempt);
    FailureCharged charged;
    charged.attempt = culprit.attempt;
    charged.cause = note == notes.end() ? end.cause : note->second.cause;
    charged.signal = note == notes.end() ? end.signal : note->second.signal;
    charged.exit_code = end.exit_code;
    charged.host = lost.ranks[rank].host;
    charged.pool = lost.name;
    charged.rank = attempt.rank;
    charged.message = note == notes.end() ? "its worker was lost while it ran: " + end.why : note->second.message;
    charged.log = rank < end.logs.size() ? end.logs[rank] : "";
    charged.backtrace = note == notes.end() ? "" : note->second.backtrace;
    const std::string host = charged.host;
    const StageIndex stage = culprit.stage;
    charge(std::move(charged), stage, ErrorKind::unavailable, effects, now);
    const std::int64_t limit = policy(stage).node_crashes;
    if (nodes_.on_crash(host, stage, limit, now)) set_node_aside(host, limit, effects);
  }
}

void Core::set_node_aside(const std::string& host, std::int64_t crashes, Effects& effects) {
  blame_.forgive(host);
  for (auto& [id, pool] : roster_.pools()) {
    for (RankSlot& rank : pool.ranks) rank.aside = rank.aside || rank.host == host;
    roster_.refresh(id);
  }
  effects.emplace_back(Notice{
      fmt::format("node {} is set aside for {:.0f} s: {} different jobs crashed there one after the other; then it "
                  "is tried again",
                  host, nodes_.aside_s(host), crashes)});
}

Effects Core::on_tick(Now now) {
  Effects effects;
  for (const std::string& host : nodes_.release(now)) {
    for (auto& [id, pool] : roster_.pools()) {
      for (RankSlot& rank : pool.ranks) rank.aside = rank.aside && rank.host != host;
      roster_.refresh(id);
    }
    effects.emplace_back(Notice{"node " + host + " is tried again"});
  }
  settle_sweeps(effects, now);
  warn_unschedulable(effects, now);
  if (!effects.empty()) hand_out(effects, now);
  return effects;
}

}  // namespace espalier
