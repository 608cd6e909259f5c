// What happens, in which proportion, and what becomes of what the core answers.
#include "tests/orchestrator/scheduler/core_property_life.h"

#include <algorithm>

#include <fmt/format.h>

#include "tests/orchestrator/scheduler/core_property_rules.h"

namespace espalier {

using Link = WorldPool::Link;

CoreLife::CoreLife(std::uint64_t seed)
    : random_(seed, "core_property"), core_(std::make_unique<Core>(Core::Options{generation_, true})) {}

std::string CoreLife::live(int events) {
  int event = 0;
  for (; event < events && broken_.empty(); ++event) {
    world_.now += random_.uniform() * 2;
    obeyed_ = 0;
    happen();
    note(broken_at_rest(world_, *core_));
  }
  if (broken_.empty()) finish();
  return broken_.empty() ? "" : fmt::format("event {}, {}: {}", event, last_, broken_);
}

void CoreLife::note(const std::string& broken) {
  if (broken_.empty()) broken_ = broken;
}

void CoreLife::happen() {
  const double drawn = random_.uniform();
  if (drawn < 0.04 || world_.sweeps.empty()) return add_sweep();
  if (drawn < 0.08 || world_.pools.empty()) return join();
  if (drawn < 0.11) return leave_or_die();
  if (drawn < 0.13) return set_priority();
  if (drawn < 0.15) return pause_or_resume();
  if (drawn < 0.16) return cancel();
  if (drawn < 0.19) return tick();
  if (drawn < 0.23) return fall_silent();
  if (drawn < 0.25) {
    last_ = "what nobody needs is forgotten";
    check(core_->forget(world_.now));
    return note_foreign();
  }
  if (drawn < 0.255) return restart();
  if (drawn < 0.27) return submit_again();
  if (drawn < 0.275 || (core_->is_paused() && drawn < 0.4)) {
    last_ = core_->is_paused() ? "all goes on" : "all is paused";
    return check(core_->is_paused() ? core_->resume(world_.now) : core_->pause("a person said so"));
  }
  if (world_.attempts.empty()) return tick();
  go_on(one_of(world_.attempts).first);
}

void CoreLife::tick() {
  last_ = "time passes";
  if (chance(0.1)) world_.now += 60;
  check(core_->on_tick(world_.now));
  core_->status();
  core_->running_jobs(100);
}

void CoreLife::check(const Effects& effects) {
  std::vector<std::uint64_t> sent;
  bool in_one_go = true;
  for (const Effect& effect : effects) {
    if (const SendJob* send = std::get_if<SendJob>(&effect)) {
      check_send(*send);
      sent.push_back(send->job.attempt);
    } else if (const SendStop* stop = std::get_if<SendStop>(&effect)) {
      stopped_.emplace_back(stop->pool, stop->attempt);
    } else if (const SweepEnded* ended = std::get_if<SweepEnded>(&effect)) {
      check_end(*ended);
      in_one_go = false;
    } else if (const Record* record = std::get_if<Record>(&effect)) {
      check_record(record->change);
    } else if (const DismissPool* dismissed = std::get_if<DismissPool>(&effect)) {
      const auto pool = world_.find_pool(dismissed->pool);
      if (pool && world_.pools.at(*pool).link == Link::present) world_.pools.at(*pool).leaving = LossCause::drained;
    } else if (const ProtocolViolation* violation = std::get_if<ProtocolViolation>(&effect)) {
      if (!may_violate_) note("an honest pool is doubted: " + violation->what);
    }
    if (!broken_.empty()) return;
  }
  if (in_one_go) note(broken_by_the_order_of(world_, *core_, sent));
  obey();
}

void CoreLife::check_send(const SendJob& send) {
  const std::optional<std::size_t> pool = world_.find_pool(send.pool);
  if (!pool) return note("a job was sent to a pool that is not there");
  WorldAttempt attempt;
  attempt.pool = *pool;
  attempt.ranks = send.gang.empty() ? std::vector{send.rank} : send.gang;
  for (const JobStage& stage : send.job.stages) attempt.stages.push_back(world_.index.at(stage.key));
  attempt.job = attempt.stages;
  attempt.alone = send.alone;
  const WorldSweep* owner = world_.wants()[attempt.stages.front()].owner;
  if (owner == nullptr) return note("a job was sent that nobody wants");
  attempt.gpus = owner->resources.gpus;
  world_.attempts[send.job.attempt] = attempt;
  note(broken_by_sending(world_, *core_, send.job.attempt));
  if (world_.pools.at(*pool).leaving) stopped_.emplace_back(send.pool, send.job.attempt);
}

void CoreLife::check_end(const SweepEnded& ended) {
  const auto sweep = std::ranges::find(world_.sweeps, ended.sweep, &WorldSweep::id);
  if (ended.how == SweepEnd::finished) note(broken_by_ending(world_, *core_, *sweep));
  const auto most = sweep->policy.max_failures;
  if ((ended.how == SweepEnd::too_many_failures) != (most && sweep->quarantined > *most))
    note(fmt::format("{} ended with {} failures", sweep->name, sweep->quarantined));
  sweep->ended = true;
  world_.forget_wants();
}

void CoreLife::check_record(const StoreChange& change) {
  if (const StageFinished* finished = std::get_if<StageFinished>(&change)) {
    WorldStage& stage = world_.stages[world_.index.at(finished->outcome.key)];
    if (finished->outcome.failure)
      note(broken_by_charging(world_, finished->outcome.key, finished->outcome.failure->cause, true));
    if (stage.done) return;
    if (finished->outcome.failure) {
      stage.failed = finished->outcome.failure->cause;
    } else {
      stage.done = true;
      stage.failed.reset();
    }
    stage.charges.clear();
    stage.crashed = stage.surely_suspect = false;
    world_.forget_wants();
  } else if (const FailureCharged* charged = std::get_if<FailureCharged>(&change)) {
    const std::size_t index = world_.index.at(charged->stage);
    if (!charged->quarantined) {
      note(broken_by_charging(world_, charged->stage, charged->cause, false));
      world_.stages[index].charges.emplace_back(charged->cause, charged->host);
      return;
    }
    for (WorldSweep& sweep : world_.sweeps) {
      if (!sweep.ended && std::ranges::count(sweep.stages, index) != 0) ++sweep.quarantined;
    }
  } else if (const StageReopened* reopened = std::get_if<StageReopened>(&change)) {
    world_.stages[world_.index.at(reopened->stage)].done = false;
    world_.forget_wants();
  } else if (const AttemptEnded* ended = std::get_if<AttemptEnded>(&change)) {
    const auto found = world_.attempts.find(ended->attempt);
    if (found == world_.attempts.end()) return;
    WorldAttempt& attempt = found->second;
    attempt.known = false;
    const bool with_its_pool =
        ended->cause && (budget_of(*ended->cause) == Budget::crash || *ended->cause == LossCause::coordinator_lost);
    if (ended->how == "lost" || (ended->how == "returned" && with_its_pool))
      world_.lost[ended->attempt] = as_recorded(ended->attempt);
    if (!attempt.held) world_.attempts.erase(found);
  } else if (const AttemptStarted* started = std::get_if<AttemptStarted>(&change)) {
    world_.lost.erase(started->attempt);
    const auto again = world_.attempts.find(started->attempt);
    if (again == world_.attempts.end()) return;
    WorldAttempt& attempt = again->second;
    attempt.known = true;
    attempt.recalled = false;
    if (started->stages.size() != attempt.stages.size()) {  // some are none of the sweeps' any more
      attempt.stages.clear();
      attempt.reached = 0;
      for (const StageKey& key : started->stages) attempt.stages.push_back(world_.index.at(key));
    }
  }
}

/// Jobs that are asked back and wait at their rank are returned, those that run end early, or a little too late.
void CoreLife::obey() {
  while (!stopped_.empty() && broken_.empty()) {
    if (++obeyed_ > 1000) return note("a job is taken back again and again");
    const auto [id, number] = stopped_.back();
    stopped_.pop_back();
    const auto found = world_.attempts.find(number);
    if (found == world_.attempts.end()) continue;
    found->second.recalled = true;
    const WorldPool& pool = world_.pools.at(found->second.pool);
    if (pool.id != id || pool.link != Link::present || !found->second.held) continue;
    if (!pool.leaving && world_.is_running(number) && chance(0.2)) continue;
    end(number, true);
  }
}

/// The core knows nothing of attempts that have ended but for the stages of its sweeps.
void CoreLife::note_foreign() {
  for (auto& [number, attempt] : world_.attempts) {
    const auto known = [&](std::size_t stage) { return core_->find(world_.stages[stage].key).has_value(); };
    attempt.foreign = attempt.foreign || (!attempt.known && !std::ranges::all_of(attempt.job, known));
  }
}

/// With pools that have everything, whatever is wanted ends.
void CoreLife::finish() {
  last_ = "the end";
  for (std::size_t i = 0; i < world_.sweeps.size(); ++i) {
    if (!std::exchange(world_.sweeps[i].paused, false)) continue;
    world_.forget_wants();
    check(core_->resume_sweep(world_.sweeps[i].id, world_.now));
  }
  std::vector<std::size_t> pools;
  for (const auto& [key, pool] : world_.pools) pools.push_back(key);
  for (const std::size_t pool : pools) {
    if (world_.pools.at(pool).link != Link::present) come(pool);
  }
  WorldPool good{0, "", "big", {}, Link::present, {}, {}};
  for (const char* gpu : {"0", "1", "2", "3"}) good.ranks.push_back({"good", gpu, 0, false});
  add_pool(good);
  last_ = "the end";
  if (core_->is_paused()) check(core_->resume(world_.now));
  world_.now += 7200;
  check(core_->on_tick(world_.now));
  for (int turn = 0; turn < 20000 && broken_.empty() && !world_.attempts.empty(); ++turn) {
    world_.now += 10;
    const auto leaving =
        std::ranges::find_if(world_.pools, [](const auto& one) { return one.second.leaving.has_value(); });
    const auto running =
        std::ranges::find_if(world_.attempts, [&](const auto& one) { return world_.is_running(one.first); });
    if (leaving != world_.pools.end()) {
      leave_further(leaving->first);
    } else if (running != world_.attempts.end()) {
      const WorldAttempt& attempt = running->second;
      attempt.stuck || attempt.made == attempt.job.size() ? end(running->first, false)
                                                          : reach(running->first, std::nullopt);
    }
    check(core_->on_tick(world_.now));
    note(broken_at_rest(world_, *core_));
  }
  for (std::size_t stage = 0; stage < world_.stages.size(); ++stage) {
    if (world_.is_ready(stage)) note(fmt::format("stage {} was never made", stage));
  }
  for (const WorldSweep& sweep : world_.sweeps) {
    if (!sweep.ended) note(sweep.name + " never ended");
  }
  if (!core_->idle()) note("all has ended, and an attempt is out");
  check(core_->forget(world_.now));
  if (!core_->graph().stages.empty()) note("something is never forgotten");
}

}  // namespace espalier
