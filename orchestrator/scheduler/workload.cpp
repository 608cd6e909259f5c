#include "orchestrator/scheduler/workload.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "experiments/graph/merge_graphs.h"

namespace espalier {

std::vector<StageIndex> Workload::add(SweepToRun& sweep) {
  std::erase_if(sweeps_, [&](const Sweep& known) { return known.id == sweep.id; });
  Sweep added;
  added.id = sweep.id;
  added.name = sweep.name;
  added.policy = sweep.policy;
  added.resources = sweep.resources;
  added.priority = sweep.priority;
  added.paused = sweep.paused;
  added.first_trial = graph_.trials.size();
  added.trials = sweep.graph.trials.size();
  const std::vector<StageIndex> to = merge_graphs(graph_, index_of_, std::move(sweep.graph));
  owners_.resize(graph_.stages.size(), sweep.id);
  if (added.trials == 0) {
    added.results = to;
  } else {
    std::vector<Target> targets;
    Plan::add_targets(std::span(graph_.trials).subspan(added.first_trial), 0, targets);
    added.results.reserve(targets.size());
    for (const Target& target : targets) added.results.push_back(target.stage);
  }
  sweeps_.push_back(std::move(added));
  return to;
}

std::optional<StageIndex> Workload::find(const StageKey& key) const {
  const auto found = index_of_.find(key);
  return found == index_of_.end() ? std::nullopt : std::optional(found->second);
}

Workload::Sweep* Workload::find_active(SweepId id) {
  const auto found = std::ranges::find_if(sweeps_, [&](const Sweep& sweep) { return sweep.id == id && !sweep.end; });
  return found == sweeps_.end() ? nullptr : &*found;
}

Workload::Sweep& Workload::owner(StageIndex stage) {
  return const_cast<Sweep&>(std::as_const(*this).owner(stage));
}

const Workload::Sweep& Workload::owner(StageIndex stage) const {
  const auto found = std::ranges::find(sweeps_, owners_[stage], &Sweep::id);
  if (found == sweeps_.end()) throw Error(ErrorKind::internal, "a stage belongs to no sweep");
  return *found;
}

std::vector<Target> Workload::targets() const {
  std::vector<Target> targets;
  for (const Sweep& sweep : sweeps_) {
    if (sweep.end) continue;
    for (const StageIndex stage : sweep.results)
      targets.push_back({stage, sweep.paused ? Target::kHeld : sweep.priority});
  }
  return targets;
}

// Inputs come before their users, so one pass backwards reaches all that a result needs.
void Workload::choose_owners() {
  const std::size_t none = sweeps_.size();
  std::vector<std::size_t> first(graph_.stages.size(), none);
  for (std::size_t i = 0; i < sweeps_.size(); ++i) {
    if (sweeps_[i].end) continue;
    for (const StageIndex stage : sweeps_[i].results) first[stage] = std::min(first[stage], i);
  }
  unneeded_ = 0;
  for (auto stage = static_cast<StageIndex>(first.size()); stage-- > 0;) {
    if (first[stage] == none) {
      ++unneeded_;
      continue;
    }
    const Stage& wanted = graph_.stages[stage];
    for (const StageInput& input : wanted.inputs) first[input.stage] = std::min(first[input.stage], first[stage]);
    if (wanted.resume_from) first[*wanted.resume_from] = std::min(first[*wanted.resume_from], first[stage]);
    owners_[stage] = sweeps_[first[stage]].id;
  }
}

std::vector<Workload::Sweep*> Workload::wanted_by(StageIndex stage) {
  std::vector<bool> needs(graph_.stages.size(), false);
  needs[stage] = true;
  for (StageIndex later = stage + 1; later < needs.size(); ++later) {
    const Stage& user = graph_.stages[later];
    needs[later] = std::ranges::any_of(user.inputs, [&](const StageInput& input) { return needs[input.stage]; }) ||
                   (user.resume_from && needs[*user.resume_from]);
  }
  std::vector<Sweep*> sweeps;
  for (Sweep& sweep : sweeps_) {
    if (!sweep.end && std::ranges::any_of(sweep.results, [&](StageIndex result) { return needs[result]; }))
      sweeps.push_back(&sweep);
  }
  return sweeps;
}

Renumbering Workload::forget(std::vector<bool> kept) {
  for (const Sweep& sweep : sweeps_) {
    if (sweep.end) continue;
    for (const StageIndex stage : sweep.results) kept[stage] = true;
  }
  for (auto stage = static_cast<StageIndex>(kept.size()); stage-- > 0;) {
    if (!kept[stage]) continue;
    for (const StageInput& input : graph_.stages[stage].inputs) kept[input.stage] = true;
    if (graph_.stages[stage].resume_from) kept[*graph_.stages[stage].resume_from] = true;
  }
  const Renumbering to(kept);
  StageGraph left;
  std::vector<SweepId> owners;
  index_of_.clear();
  for (StageIndex stage = 0; stage < kept.size(); ++stage) {
    if (!kept[stage]) continue;
    Stage& moved = left.stages.emplace_back(std::move(graph_.stages[stage]));
    for (StageInput& input : moved.inputs) input.stage = to[input.stage];
    if (moved.resume_from) moved.resume_from = to[*moved.resume_from];
    index_of_.emplace(moved.key, to[stage]);
    owners.push_back(owners_[stage]);
  }
  for (Sweep& sweep : sweeps_) {
    if (sweep.end) {
      sweep.results = {};
      continue;
    }
    to.apply(sweep.results);
    const std::size_t first = std::exchange(sweep.first_trial, left.trials.size());
    for (std::size_t i = first; i < first + sweep.trials; ++i) {
      TrialStages trial = graph_.trials[i];
      trial.evaluate = to[trial.evaluate];
      for (std::optional<StageIndex>* stage : trial.optional_stages())
        if (*stage) *stage = to[**stage];
      left.trials.push_back(trial);
    }
  }
  left.sharing = graph_.sharing;
  graph_ = std::move(left);
  owners_ = std::move(owners);
  return to;
}

std::vector<StageGroup> Workload::groups() {
  choose_owners();
  std::vector<StageGroup> groups(graph_.stages.size(), 0);
  const Sweep* sweep = nullptr;
  for (StageIndex stage = 0; stage < groups.size(); ++stage) {
    if (sweep == nullptr || sweep->id != owners_[stage]) sweep = &owner(stage);
    const Demand demand{graph_.stages[stage].ranks, sweep->resources,
                        has(graph_.stages[stage].kind, StageProperty::alone_on_host)};
    auto known = std::ranges::find(demands_, demand);
    if (known == demands_.end()) {
      if (demands_.size() > std::numeric_limits<StageGroup>::max())
        throw Error(ErrorKind::exhausted, "the sweeps ask for more kinds of resources than can be distinguished");
      known = demands_.insert(demands_.end(), demand);
    }
    groups[stage] = static_cast<StageGroup>(known - demands_.begin());
  }
  return groups;
}

}  // namespace espalier
