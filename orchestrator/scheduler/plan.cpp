#include "orchestrator/scheduler/plan.h"

#include <algorithm>
#include <utility>

namespace espalier {
namespace {

/// Every stage that must be done before `stage` can run, once each: some give weights and masks. A training that
/// resumes from an earlier state of its trajectory waits for that too: computing it again would cost more than waiting.
template <typename Visit>
void for_each_input(const Stage& stage, Visit visit) {
  const auto begin = stage.inputs.begin();
  const auto is_among = [&](auto end, StageIndex wanted) {
    return std::any_of(begin, end, [&](const StageInput& input) { return input.stage == wanted; });
  };
  for (auto input = begin; input != stage.inputs.end(); ++input) {
    if (!is_among(input, input->stage)) visit(input->stage);
  }
  if (stage.resume_from && !is_among(stage.inputs.end(), *stage.resume_from)) visit(*stage.resume_from);
}

}  // namespace

bool Plan::ByPriority::operator()(StageIndex a, StageIndex b) const {
  if (plan->urgency_[a] != plan->urgency_[b]) return plan->urgency_[a] > plan->urgency_[b];
  if (plan->to_end_[a] != plan->to_end_[b]) return plan->to_end_[a] > plan->to_end_[b];
  return plan->graph_.stages[a].key < plan->graph_.stages[b].key;
}

Plan::Plan(const StageGraph& graph) : graph_(graph) {
  replan({});
}

Plan::Plan(const StageGraph& graph, const std::vector<bool>& done, const std::vector<bool>& failed)
    : graph_(graph), states_(graph.stages.size(), StageState::unneeded) {
  for (StageIndex stage = 0; stage < states_.size(); ++stage) {
    if (done[stage]) set_done(stage);
    if (stage < failed.size() && failed[stage]) set_failed(stage);
  }
  std::vector<Target> targets;
  add_targets(graph.trials, 0, targets);
  if (graph.trials.empty()) {
    for (StageIndex stage = 0; stage < states_.size(); ++stage) targets.push_back({stage, 0});
  }
  replan(targets);
}

void Plan::add_targets(std::span<const TrialStages> trials, int urgency, std::vector<Target>& targets) {
  for (const TrialStages& trial : trials) {
    targets.push_back({trial.evaluate, urgency});
    if (trial.dense_evaluate) targets.push_back({*trial.dense_evaluate, urgency});
    if (trial.sensitivity) targets.push_back({*trial.sensitivity, urgency});
    if (trial.latency) targets.push_back({*trial.latency, urgency});
  }
}

void Plan::set_done(StageIndex stage) {
  states_.resize(graph_.stages.size(), StageState::unneeded);
  states_[stage] = StageState::done;
}

void Plan::set_failed(StageIndex stage) {
  states_.resize(graph_.stages.size(), StageState::unneeded);
  if (states_[stage] != StageState::done) states_[stage] = StageState::failed;
}

void Plan::forgive(StageIndex stage) {
  if (states_[stage] == StageState::failed) states_[stage] = StageState::unneeded;
}

void Plan::renumber(const Renumbering& to) {
  std::vector<StageState> kept(graph_.stages.size(), StageState::unneeded);
  for (StageIndex stage = 0; stage < states_.size(); ++stage) {
    if (to.has(stage)) kept[to[stage]] = states_[stage];
  }
  states_ = std::move(kept);
}

void Plan::replan(const std::vector<Target>& targets, std::vector<StageGroup> groups) {
  targets_ = targets;
  groups_ = std::move(groups);
  states_.resize(graph_.stages.size(), StageState::unneeded);
  find_urgencies();
  find_states();
  link_dependents();
  find_critical_paths();
  ready_.clear();
  const std::size_t most = groups_.empty() ? 0 : *std::ranges::max_element(groups_);
  for (std::size_t one = 0; one <= most; ++one) ready_.emplace_back(ByPriority{this});
  for (StageIndex stage = 0; stage < states_.size(); ++stage) make_ready_if_possible(stage);
}

// Inputs come before their users, so one pass backwards reaches everything that an unfinished result depends on.
void Plan::find_urgencies() {
  urgency_.assign(states_.size(), kUnwanted);
  for (const Target& target : targets_) urgency_[target.stage] = std::max(urgency_[target.stage], target.urgency);
  for (auto stage = static_cast<StageIndex>(states_.size()); stage-- > 0;) {
    const int urgency = urgency_[stage];
    if (urgency == kUnwanted || states_[stage] == StageState::done) continue;
    for_each_input(graph_.stages[stage],
                   [&](StageIndex input) { urgency_[input] = std::max(urgency_[input], urgency); });
  }
}

bool Plan::has_unattainable_input(StageIndex stage) const {
  bool found = false;
  for_each_input(graph_.stages[stage], [&](StageIndex input) {
    found = found || states_[input] == StageState::failed || states_[input] == StageState::blocked;
  });
  return found;
}

void Plan::find_states() {
  open_ = failed_ = blocked_ = 0;
  remaining_cost_ = 0;
  missing_inputs_.assign(states_.size(), 0);
  for (StageIndex stage = 0; stage < states_.size(); ++stage) {
    StageState& state = states_[stage];
    if (state == StageState::done) continue;
    if (state == StageState::failed) {
      failed_ += urgency_[stage] == kUnwanted ? 0 : 1;
    } else if (urgency_[stage] == kUnwanted) {
      state = StageState::unneeded;
    } else if (has_unattainable_input(stage)) {
      state = StageState::blocked;
      ++blocked_;
    } else {
      if (state != StageState::taken) state = StageState::waiting;
      ++open_;
      remaining_cost_ += graph_.stages[stage].cost;
      for_each_input(graph_.stages[stage], [&](StageIndex input) {
        if (states_[input] != StageState::done) ++missing_inputs_[stage];
      });
    }
  }
}

// Counted first, then filled in: one block of memory, whatever the size of the graph.
void Plan::link_dependents() {
  first_dependent_.assign(states_.size() + 1, 0);
  const auto for_each_edge = [&](auto visit) {
    for (StageIndex stage = 0; stage < states_.size(); ++stage) {
      if (is_open(stage)) for_each_input(graph_.stages[stage], [&](StageIndex input) { visit(input, stage); });
    }
  };
  for_each_edge([&](StageIndex input, StageIndex) { ++first_dependent_[input + 1]; });
  for (std::size_t i = 1; i < first_dependent_.size(); ++i) first_dependent_[i] += first_dependent_[i - 1];
  dependents_.resize(first_dependent_.back());
  std::vector<std::uint32_t> next(first_dependent_.begin(), first_dependent_.end() - 1);
  for_each_edge([&](StageIndex input, StageIndex stage) { dependents_[next[input]++] = stage; });
}

void Plan::find_critical_paths() {
  to_end_.assign(states_.size(), 0);
  for (auto stage = static_cast<StageIndex>(states_.size()); stage-- > 0;) {
    if (!is_open(stage)) continue;
    to_end_[stage] += graph_.stages[stage].cost;
    for_each_input(graph_.stages[stage],
                   [&](StageIndex input) { to_end_[input] = std::max(to_end_[input], to_end_[stage]); });
  }
}

std::span<const StageIndex> Plan::dependents(StageIndex stage) const {
  return {dependents_.begin() + first_dependent_[stage], dependents_.begin() + first_dependent_[stage + 1]};
}

bool Plan::is_open(StageIndex stage) const {
  const StageState state = states_[stage];
  return state == StageState::waiting || state == StageState::ready || state == StageState::taken;
}

bool Plan::has_ready() const {
  return std::ranges::any_of(ready_, [](const ReadySet& group) { return !group.empty(); });
}

std::int64_t Plan::ready_count() const {
  std::size_t count = 0;
  for (const ReadySet& group : ready_) count += group.size();
  return static_cast<std::int64_t>(count);
}

std::vector<std::int64_t> Plan::ready_counts() const {
  std::vector<std::int64_t> counts;
  for (const ReadySet& group : ready_) counts.push_back(static_cast<std::int64_t>(group.size()));
  return counts;
}

std::optional<StageIndex> Plan::most_urgent(const std::set<StageGroup>& without,
                                            const std::set<StageIndex>& avoided) const {
  std::optional<StageIndex> best;
  for (std::size_t one = 0; one < ready_.size(); ++one) {
    const auto group = static_cast<StageGroup>(one);
    if (ready_[one].empty() || without.count(group) != 0) continue;
    const std::optional<StageIndex> first = most_urgent_of(group, avoided);
    if (first && (!best || ByPriority{this}(*first, *best))) best = first;
  }
  return best;
}

std::optional<StageIndex> Plan::most_urgent_of(StageGroup group, const std::set<StageIndex>& avoided) const {
  const auto first = std::ranges::find_if(ready_[group], [&](StageIndex stage) { return avoided.count(stage) == 0; });
  return first == ready_[group].end() ? std::nullopt : std::optional(*first);
}

std::optional<std::vector<StageIndex>> Plan::take_job_from(StageIndex first, const std::set<StageIndex>& avoided) {
  if (states_[first] != StageState::ready) return std::nullopt;
  return take_chain(first, avoided);
}

bool Plan::take_again(const std::vector<StageIndex>& stages) {
  std::vector<StageIndex> chain;
  for (const StageIndex stage : stages) {
    const bool free = states_[stage] == StageState::ready || states_[stage] == StageState::waiting;
    if (!free || !inputs_done_or_in(stage, chain)) return false;
    chain.push_back(stage);
  }
  for (const StageIndex stage : stages) take(stage);
  return true;
}

std::vector<StageIndex> Plan::take_chain(StageIndex first, const std::set<StageIndex>& avoided) {
  std::vector<StageIndex> chain{first};
  take(chain.back());
  while (const std::optional<StageIndex> next = next_in_chain(chain, avoided)) {
    chain.push_back(*next);
    take(*next);
  }
  return chain;
}

std::optional<StageIndex> Plan::next_in_chain(const std::vector<StageIndex>& chain,
                                              const std::set<StageIndex>& avoided) const {
  const auto is = [&](StageIndex stage, StageProperty property) { return has(graph_.stages[stage].kind, property); };
  const bool trained = std::ranges::any_of(chain, [&](StageIndex stage) { return is(stage, StageProperty::trains); });
  if (is(chain.back(), StageProperty::ends_job)) return std::nullopt;
  std::optional<StageIndex> best;
  for (const StageIndex candidate : dependents(chain.back())) {
    const bool fits = is(candidate, StageProperty::follows) && !(trained && is(candidate, StageProperty::trains));
    if (!fits || group(candidate) != group(chain.front()) || urgency_[candidate] == Target::kHeld ||
        avoided.count(candidate) != 0 || states_[candidate] != StageState::waiting ||
        !inputs_done_or_in(candidate, chain))
      continue;
    if (!best || ByPriority{this}(candidate, *best)) best = candidate;
  }
  return best;
}

bool Plan::inputs_done_or_in(StageIndex stage, const std::vector<StageIndex>& chain) const {
  bool all = true;
  for_each_input(graph_.stages[stage], [&](StageIndex input) {
    all = all && (states_[input] == StageState::done || std::find(chain.begin(), chain.end(), input) != chain.end());
  });
  return all;
}

void Plan::leave_ready(StageIndex stage) {
  if (states_[stage] == StageState::ready) ready_[group(stage)].erase(stage);
}

void Plan::take(StageIndex stage) {
  leave_ready(stage);
  states_[stage] = StageState::taken;
}

void Plan::give_back(const std::vector<StageIndex>& stages) {
  for (const StageIndex stage : stages) {
    if (states_[stage] == StageState::taken) states_[stage] = StageState::waiting;
  }
  for (const StageIndex stage : stages) make_ready_if_possible(stage);
}

void Plan::make_ready_if_possible(StageIndex stage) {
  if (states_[stage] != StageState::waiting || missing_inputs_[stage] != 0) return;
  states_[stage] = StageState::ready;
  if (urgency_[stage] != Target::kHeld) ready_[group(stage)].insert(stage);
}

/// The stage is no longer open.
void Plan::close(StageIndex stage, StageState state) {
  leave_ready(stage);
  states_[stage] = state;
  --open_;
  remaining_cost_ -= graph_.stages[stage].cost;
}

void Plan::on_done(StageIndex stage) {
  if (states_[stage] == StageState::unneeded) states_[stage] = StageState::done;  // it is not needed any more
  if (states_[stage] == StageState::failed || states_[stage] == StageState::blocked) {
    states_[stage] = StageState::done;  // its blocked dependents are needed again
    replan(std::exchange(targets_, {}), std::move(groups_));
  }
  if (!is_open(stage)) return;
  close(stage, StageState::done);
  for (const StageIndex dependent : dependents(stage)) {
    if (missing_inputs_[dependent] > 0) --missing_inputs_[dependent];
    make_ready_if_possible(dependent);
  }
}

void Plan::on_failed(StageIndex stage) {
  if (!is_open(stage)) return;
  close(stage, StageState::failed);
  ++failed_;
  block_dependents(stage);
}

void Plan::reopen(StageIndex stage) {
  if (states_[stage] != StageState::done && states_[stage] != StageState::unneeded) return;
  states_[stage] = StageState::waiting;
  replan(std::exchange(targets_, {}), std::move(groups_));
}

void Plan::revoke(StageIndex stage) {
  if (states_[stage] != StageState::done) return;
  states_[stage] = StageState::failed;
  replan(std::exchange(targets_, {}), std::move(groups_));
}

void Plan::block_dependents(StageIndex stage) {
  std::vector<StageIndex> reached{stage};
  while (!reached.empty()) {
    const StageIndex current = reached.back();
    reached.pop_back();
    for (const StageIndex dependent : dependents(current)) {
      if (!is_open(dependent)) continue;
      close(dependent, StageState::blocked);
      ++blocked_;
      reached.push_back(dependent);
    }
  }
}

double Plan::critical_path_cost() const {
  double longest = 0;
  for (StageIndex stage = 0; stage < states_.size(); ++stage) {
    if (is_open(stage)) longest = std::max(longest, to_end_[stage]);
  }
  return longest;
}

}  // namespace espalier
