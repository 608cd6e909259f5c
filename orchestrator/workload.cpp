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

std::vector<StageGroup> Workload::groups() {
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
