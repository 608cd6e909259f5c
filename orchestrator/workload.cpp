#include "orchestrator/workload.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "experiments/merge_graphs.h"

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
    std::vector<Wish> wishes;
    Plan::add_wishes(std::span(graph_.trials).subspan(added.first_trial), 0, wishes);
    added.results.reserve(wishes.size());
    for (const Wish& wish : wishes) added.results.push_back(wish.stage);
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

std::vector<Wish> Workload::wishes() const {
  std::vector<Wish> wishes;
  for (const Sweep& sweep : sweeps_) {
    if (sweep.end) continue;
    for (const StageIndex stage : sweep.results) wishes.push_back({stage, sweep.paused ? Wish::kHeld : sweep.priority});
  }
  return wishes;
}

// Inputs come before their users, so one pass backwards reaches all that a result needs.
void Workload::choose_owners() {
  const std::size_t nobody = sweeps_.size();
  std::vector<std::size_t> first(graph_.stages.size(), nobody);
  for (std::size_t i = 0; i < sweeps_.size(); ++i) {
    if (sweeps_[i].end) continue;
    for (const StageIndex stage : sweeps_[i].results) first[stage] = std::min(first[stage], i);
  }
  for (auto stage = static_cast<StageIndex>(first.size()); stage-- > 0;) {
    if (first[stage] == nobody) continue;
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

std::vector<StageGroup> Workload::groups() {
  choose_owners();
  std::vector<StageGroup> groups(graph_.stages.size(), 0);
  const Sweep* sweep = nullptr;
  for (StageIndex stage = 0; stage < groups.size(); ++stage) {
    if (sweep == nullptr || sweep->id != owners_[stage]) sweep = &owner(stage);
    const Demand demand{graph_.stages[stage].ranks, sweep->resources};
    auto known = std::ranges::find(demands_, demand);
    if (known == demands_.end()) {
      if (demands_.size() > std::numeric_limits<StageGroup>::max())
        throw Error(ErrorKind::exhausted, "the sweeps ask for more different resources than can be told apart");
      known = demands_.insert(demands_.end(), demand);
    }
    groups[stage] = static_cast<StageGroup>(known - demands_.begin());
  }
  return groups;
}

}  // namespace espalier
