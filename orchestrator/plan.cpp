#include "orchestrator/plan.h"

#include <algorithm>

namespace espalier {
namespace {

bool is_open(StageState state) {
  return state == StageState::waiting || state == StageState::ready || state == StageState::taken;
}

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
  if (plan->to_end_[a] != plan->to_end_[b]) return plan->to_end_[a] > plan->to_end_[b];
  return plan->graph_.stages[a].key < plan->graph_.stages[b].key;
}

Plan::Plan(const StageGraph& graph, const std::vector<bool>& done, const std::vector<bool>& failed)
    : graph_(graph),
      states_(graph.stages.size(), StageState::unneeded),
      dependents_(graph.stages.size()),
      missing_inputs_(graph.stages.size(), 0),
      to_end_(graph.stages.size(), 0),
      ready_(ByPriority{this}) {
  find_needed(done);
  find_critical_paths();
  for (StageIndex stage = 0; stage < states_.size(); ++stage) {
    if (states_[stage] != StageState::waiting) continue;
    join_graph(stage);
  }
  for (StageIndex stage = 0; stage < states_.size(); ++stage) make_ready_if_possible(stage);
  for (StageIndex stage = 0; stage < failed.size(); ++stage) {
    if (failed[stage]) on_failed(stage);
  }
}

void Plan::join_graph(StageIndex stage) {
  ++open_;
  remaining_cost_ += graph_.stages[stage].cost;
  missing_inputs_[stage] = 0;
  for_each_input(graph_.stages[stage], [&](StageIndex input) {
    std::vector<StageIndex>& users = dependents_[input];
    if (std::find(users.begin(), users.end(), stage) == users.end()) users.push_back(stage);
    if (states_[input] != StageState::done) ++missing_inputs_[stage];
  });
}

// Inputs come before their users, so one pass backwards reaches everything that an unfinished result depends on.
void Plan::find_needed(const std::vector<bool>& done) {
  std::vector<bool> wanted(states_.size(), false);
  for (const TrialStages& trial : graph_.trials) {
    wanted[trial.evaluate] = true;
    if (trial.dense_evaluate) wanted[*trial.dense_evaluate] = true;
    if (trial.sensitivity) wanted[*trial.sensitivity] = true;
  }
  if (graph_.trials.empty()) wanted.assign(states_.size(), true);
  for (StageIndex stage = static_cast<StageIndex>(states_.size()); stage-- > 0;) {
    if (done[stage]) states_[stage] = StageState::done;
    if (!wanted[stage] || done[stage]) continue;
    states_[stage] = StageState::waiting;
    for_each_input(graph_.stages[stage], [&](StageIndex input) { wanted[input] = true; });
  }
}

void Plan::find_critical_paths() {
  for (StageIndex stage = static_cast<StageIndex>(states_.size()); stage-- > 0;) {
    if (states_[stage] != StageState::waiting) continue;
    to_end_[stage] += graph_.stages[stage].cost;
    for_each_input(graph_.stages[stage],
                   [&](StageIndex input) { to_end_[input] = std::max(to_end_[input], to_end_[stage]); });
  }
}

std::optional<std::vector<StageIndex>> Plan::take_job(const std::set<StageIndex>& avoided) {
  const auto first =
      std::find_if(ready_.begin(), ready_.end(), [&](StageIndex stage) { return avoided.count(stage) == 0; });
  if (first == ready_.end()) return std::nullopt;
  return take_chain(*first, avoided);
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
  const StageKind last = graph_.stages[chain.back()].kind;
  const bool trained = std::any_of(chain.begin(), chain.end(),
                                   [&](StageIndex stage) { return graph_.stages[stage].kind == StageKind::train; });
  if (last == StageKind::evaluate || last == StageKind::noop) return std::nullopt;
  std::optional<StageIndex> best;
  for (const StageIndex candidate : dependents_[chain.back()]) {
    const StageKind kind = graph_.stages[candidate].kind;
    const bool fits = trained ? kind == StageKind::evaluate : kind == StageKind::train || kind == StageKind::evaluate;
    if (!fits || avoided.count(candidate) != 0 || states_[candidate] != StageState::waiting ||
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

void Plan::take(StageIndex stage) {
  ready_.erase(stage);
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
  ready_.insert(stage);
}

void Plan::on_done(StageIndex stage) {
  if (!is_open(states_[stage])) return;
  ready_.erase(stage);
  states_[stage] = StageState::done;
  --open_;
  remaining_cost_ -= graph_.stages[stage].cost;
  for (const StageIndex dependent : dependents_[stage]) {
    if (missing_inputs_[dependent] > 0) --missing_inputs_[dependent];
    make_ready_if_possible(dependent);
  }
}

void Plan::on_failed(StageIndex stage) {
  if (!is_open(states_[stage])) return;
  ready_.erase(stage);
  states_[stage] = StageState::failed;
  --open_;
  ++failed_;
  remaining_cost_ -= graph_.stages[stage].cost;
  block_dependents(stage);
}

void Plan::reopen(StageIndex stage) {
  if (states_[stage] != StageState::done && states_[stage] != StageState::unneeded) return;
  states_[stage] = StageState::waiting;
  for (const StageInput& input : graph_.stages[stage].inputs) {
    if (states_[input.stage] == StageState::unneeded) reopen(input.stage);
  }
  join_graph(stage);
  to_end_[stage] = 0;
  for (const StageIndex dependent : dependents_[stage]) {
    if (!is_open(states_[dependent])) continue;
    to_end_[stage] = std::max(to_end_[stage], to_end_[dependent]);
    ++missing_inputs_[dependent];
    if (states_[dependent] != StageState::ready) continue;
    ready_.erase(dependent);
    states_[dependent] = StageState::waiting;
  }
  to_end_[stage] += graph_.stages[stage].cost;
  // An earlier cut of its trajectory saves work where it is there; it is not made again for that.
  if (const auto cut = graph_.stages[stage].resume_from;
      cut && !is_open(states_[*cut]) && states_[*cut] != StageState::done)
    --missing_inputs_[stage];
  for (const StageInput& input : graph_.stages[stage].inputs) {
    const StageState state = states_[input.stage];
    if (state == StageState::failed || state == StageState::blocked) block_dependents(input.stage);
  }
  make_ready_if_possible(stage);
}

void Plan::block_dependents(StageIndex stage) {
  std::vector<StageIndex> reached{stage};
  while (!reached.empty()) {
    const StageIndex current = reached.back();
    reached.pop_back();
    for (const StageIndex dependent : dependents_[current]) {
      if (!is_open(states_[dependent])) continue;
      ready_.erase(dependent);
      states_[dependent] = StageState::blocked;
      --open_;
      ++blocked_;
      remaining_cost_ -= graph_.stages[dependent].cost;
      reached.push_back(dependent);
    }
  }
}

double Plan::critical_path_cost() const {
  double longest = 0;
  for (StageIndex stage = 0; stage < states_.size(); ++stage) {
    if (is_open(states_[stage])) longest = std::max(longest, to_end_[stage]);
  }
  return longest;
}

}  // namespace espalier
