// What is wanted of the core: sweeps, what becomes of them, and all of it again from the store.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/sha256.h"
#include "tests/orchestrator/scheduler/core_property_life.h"

namespace espalier {
namespace {

constexpr std::size_t kMostSweeps = 6;

/// How the store forgets failures when a sweep begins again.
void forgive(World& world, const WorldSweep& sweep) {
  static const std::vector<LossCause> causes = causes_that_a_run_tries_again();
  for (const std::size_t stage : sweep.stages) {
    std::optional<LossCause>& failed = world.stages[stage].failed;
    if (failed && std::ranges::count(causes, *failed) != 0) failed.reset();
  }
  world.forget_wants();
}

}  // namespace

void CoreLife::add_sweep() {
  if (world_.open_sweeps() >= kMostSweeps) return tick();
  last_ = "a sweep comes";
  WorldSweep sweep = invent_sweep();
  forgive(world_, sweep);
  SweepToRun run = to_run(sweep);
  world_.sweeps.push_back(std::move(sweep));
  world_.forget_wants();
  check(core_->add_sweep(std::move(run), world_.now));
}

void CoreLife::submit_again() {
  const std::size_t at = pick(world_.sweeps.size());
  if (!world_.sweeps[at].ended || world_.open_sweeps() >= kMostSweeps) return tick();
  last_ = "a sweep is submitted again";
  WorldSweep sweep = world_.sweeps[at];
  world_.sweeps.erase(world_.sweeps.begin() + static_cast<std::ptrdiff_t>(at));
  sweep.ended = sweep.paused = false;
  sweep.quarantined = 0;
  forgive(world_, sweep);
  SweepToRun run = to_run(sweep);
  world_.sweeps.push_back(std::move(sweep));
  world_.forget_wants();
  check(core_->add_sweep(std::move(run), world_.now));
}

WorldSweep CoreLife::invent_sweep() {
  WorldSweep sweep;
  sweep.id = next_sweep_++;
  sweep.name = "sweep-" + std::to_string(sweep.id);
  sweep.priority = static_cast<int>(pick(3));
  if (chance(0.2)) sweep.resources.label = "big";
  if (chance(0.2)) sweep.resources.gpus = chance(0.5) ? 0.5 : 1;
  if (chance(0.1)) sweep.resources.memory_gb = 16;
  sweep.policy.crashes = 1 + static_cast<std::int64_t>(pick(3));
  sweep.policy.errors = 1 + static_cast<std::int64_t>(pick(2));
  sweep.policy.out_of_memory = 1 + static_cast<std::int64_t>(pick(3));
  sweep.policy.without_progress = 1 + static_cast<std::int64_t>(pick(4));
  sweep.policy.node_crashes = 1 + static_cast<std::int64_t>(pick(3));
  if (chance(0.2)) sweep.policy.max_failures = static_cast<std::int64_t>(pick(3));
  for (std::size_t count = 1 + pick(2); count > 0; --count) add_family(sweep);
  std::ranges::sort(sweep.stages);
  return sweep;
}

/// New stages, or some that another sweep has, too.
void CoreLife::add_family(WorldSweep& sweep) {
  if (families_.empty() || chance(0.6))
    families_.push_back({chance(0.4) ? 2 + static_cast<int>(pick(2)) : 1, chance(0.5)});
  const std::size_t number = families_.size() - 1 - pick(std::min<std::size_t>(families_.size(), 5));
  const Family family = families_[number];
  const std::string name = "family-" + std::to_string(number);
  for (std::size_t which = 0; which < 5; ++which) {
    if (!chance(0.5)) continue;
    const std::string one = name + "/" + std::to_string(which);
    family.pruned&& which < 3 ? add_pruning(sweep, name, family.ranks, which) : add_single(sweep, one, family.ranks);
  }
  if (sweep.trials.empty()) add_single(sweep, name + "/0", family.ranks);
}

void CoreLife::add_single(WorldSweep& sweep, const std::string& name, int ranks) {
  sweep.trials.push_back({add_stage(sweep, name + "/single", StageKind::evaluate, ranks, {}), std::nullopt});
}

/// A dense network, shared by the prunings of a family, and one that is pruned and trained on.
void CoreLife::add_pruning(WorldSweep& sweep, const std::string& name, int ranks, std::size_t which) {
  const std::string own = name + "/" + std::to_string(which);
  const std::size_t init = add_stage(sweep, name + "/init", StageKind::init, ranks, {});
  const std::size_t dense = add_stage(sweep, name + "/dense", StageKind::train, ranks, {init});
  const std::size_t compared = add_stage(sweep, name + "/dense/evaluate", StageKind::evaluate, ranks, {dense});
  const std::size_t prune = add_stage(sweep, own + "/prune", StageKind::prune, ranks, {dense});
  const std::size_t tune = add_stage(sweep, own + "/tune", StageKind::train, ranks, {dense, prune});
  sweep.trials.push_back({add_stage(sweep, own + "/evaluate", StageKind::evaluate, ranks, {tune, prune}), compared});
}

std::size_t CoreLife::add_stage(WorldSweep& sweep, const std::string& name, StageKind kind, int ranks,
                                std::vector<std::size_t> inputs) {
  StageKey key;
  key.digest = sha256(name);
  const auto [found, is_new] = world_.index.emplace(key, world_.stages.size());
  if (is_new) world_.stages.push_back({key, kind, ranks, std::move(inputs), false, {}, {}, false, false});
  const std::size_t stage = found->second;
  if (std::ranges::count(sweep.stages, stage) == 0) sweep.stages.push_back(stage);
  return stage;
}

SweepToRun CoreLife::to_run(const WorldSweep& sweep) {
  static const auto spec = std::make_shared<const std::string>("{}");
  SweepToRun run;
  run.id = sweep.id;
  run.name = sweep.name;
  run.priority = sweep.priority;
  run.paused = sweep.paused;
  run.resources = sweep.resources;
  run.policy = sweep.policy;
  const auto position = [&](std::size_t stage) {
    return static_cast<StageIndex>(std::ranges::lower_bound(sweep.stages, stage) - sweep.stages.begin());
  };
  for (const std::size_t index : sweep.stages) {
    const WorldStage& known = world_.stages[index];
    Stage stage;
    stage.key = known.key;
    stage.kind = known.kind;
    stage.spec = spec;
    stage.cost = known.kind == StageKind::train ? 10 : 1;
    stage.ranks = known.ranks;
    for (const std::size_t input : known.inputs) stage.inputs.push_back({InputRole::weights, position(input)});
    for (const auto& [cause, host] : known.charges)
      run.charges.push_back({static_cast<StageIndex>(run.graph.stages.size()), cause, host});
    run.graph.stages.push_back(std::move(stage));
    run.done.push_back(known.done);
    run.failed.push_back(known.failed.has_value());
  }
  for (const WorldSweep::Trial& trial : sweep.trials) {
    TrialStages stages{position(trial.evaluate), {}, {}, {}};
    if (trial.dense) stages.dense_evaluate = position(*trial.dense);
    run.graph.trials.push_back(stages);
  }
  return run;
}

void CoreLife::set_priority() {
  last_ = "a priority changes";
  WorldSweep& sweep = world_.sweeps[pick(world_.sweeps.size())];
  if (sweep.ended) return tick();
  sweep.priority = static_cast<int>(pick(3));
  world_.forget_wants();
  check(core_->set_priority(sweep.id, sweep.priority, world_.now));
}

void CoreLife::pause_or_resume() {
  WorldSweep& sweep = world_.sweeps[pick(world_.sweeps.size())];
  if (sweep.ended) return tick();
  last_ = sweep.paused ? "a sweep goes on" : "a sweep is paused";
  sweep.paused = !sweep.paused;
  world_.forget_wants();
  check(sweep.paused ? core_->pause_sweep(sweep.id, world_.now) : core_->resume_sweep(sweep.id, world_.now));
}

void CoreLife::cancel() {
  last_ = "a sweep is cancelled";
  check(core_->cancel_sweep(world_.sweeps[pick(world_.sweeps.size())].id, world_.now));
}

OpenAttempt CoreLife::as_recorded(std::uint64_t number) const {
  const WorldAttempt& attempt = world_.attempts.at(number);
  const std::string& name = world_.pools.at(attempt.pool).name;
  OpenAttempt open{number, name, attempt.ranks.front(), {}, world_.now, name, {}};
  if (attempt.ranks.size() > 1) open.gang = attempt.ranks;
  for (const std::size_t stage : attempt.stages) open.stages.push_back(world_.stages[stage].key);
  return open;
}

/// As serve_sweeps, take_up_attempts and the coordinator do it.
void CoreLife::restart() {
  last_ = "another coordinator takes over";
  core_ = std::make_unique<Core>(Core::Options{++generation_, true});
  stopped_.clear();
  for (WorldStage& stage : world_.stages) stage.crashed = stage.surely_suspect = false;
  for (WorldSweep& sweep : world_.sweeps) {
    if (sweep.ended) continue;
    sweep.quarantined = 0;
    forgive(world_, sweep);
    check(core_->add_sweep(to_run(sweep), world_.now));
  }
  std::map<std::size_t, std::vector<OpenAttempt>> open;
  std::vector<StoreChange> ended;
  for (const auto& [number, attempt] : world_.attempts) {
    if (!attempt.known) continue;
    OpenAttempt one = as_recorded(number);
    const auto known = [&](const StageKey& key) { return core_->find(key).has_value(); };
    const auto done = [&](std::size_t stage) { return world_.stages[stage].done; };
    if (!core_->finished() && std::ranges::all_of(one.stages, known)) {
      open[attempt.pool].push_back(std::move(one));
    } else {
      ended.emplace_back(
          AttemptEnded{number, std::ranges::all_of(attempt.stages, done) ? "finished" : "lost", "", 0, {}});
    }
  }
  for (const StoreChange& change : ended) check_record(change);
  std::vector<OpenAttempt> lost;
  for (const auto& [number, one] : world_.lost) {
    const bool waits = std::ranges::any_of(
        one.stages, [&](const StageKey& key) { return !world_.stages[world_.index.at(key)].settled(); });
    if (waits) lost.push_back(one);
  }
  core_->remember_given_up(lost);
  note_foreign();
  for (auto& [number, attempt] : world_.attempts) {
    attempt.recalled = attempt.failed = false;
    const auto left =
        std::ranges::find_if(attempt.stages, [&](std::size_t stage) { return !world_.stages[stage].done; });
    attempt.stages.erase(attempt.stages.begin(), left);
    attempt.reached = 0;
    attempt.alone = attempt.alone && !attempt.stages.empty() && world_.stages[attempt.stages.front()].must_be_alone();
    const WorldSweep* owner = attempt.stages.empty() ? nullptr : world_.wants()[attempt.stages.front()].owner;
    if (owner != nullptr) attempt.gpus = owner->resources.gpus;
  }
  for (auto& [key, pool] : world_.pools) {
    pool.link = open.count(key) == 0 ? WorldPool::Link::given_up : WorldPool::Link::silent;
    pool.interrupted.clear();
    for (WorldRank& rank : pool.ranks) rank.introduced = false;
    if (open.count(key) == 0) continue;
    pool.id = next_pool_++;
    check(core_->remember_pool(pool.id, pool.name, open.at(key), world_.now));
  }
}

}  // namespace espalier
