#include "experiments/graph/merge_graphs.h"

#include <optional>
#include <utility>

namespace espalier {
namespace {

void translate(std::optional<StageIndex>& stage, const std::vector<StageIndex>& to) {
  if (stage) stage = to[*stage];
}

}  // namespace

std::vector<StageIndex> merge_graphs(StageGraph& into, std::unordered_map<StageKey, StageIndex>& index_of,
                                     StageGraph from) {
  std::vector<StageIndex> to;
  to.reserve(from.stages.size());
  into.stages.reserve(into.stages.size() + from.stages.size());
  index_of.reserve(index_of.size() + from.stages.size());
  for (Stage& stage : from.stages) {
    const auto [known, is_new] = index_of.emplace(stage.key, static_cast<StageIndex>(into.stages.size()));
    to.push_back(known->second);
    if (!is_new) {
      into.stages[known->second].keep_resume_state |= stage.keep_resume_state;
      continue;
    }
    for (StageInput& input : stage.inputs) input.stage = to[input.stage];
    translate(stage.resume_from, to);
    into.stages.push_back(std::move(stage));
  }
  into.trials.reserve(into.trials.size() + from.trials.size());
  for (TrialStages trial : from.trials) {
    trial.evaluate = to[trial.evaluate];
    for (std::optional<StageIndex>* stage : trial.optional_stages()) translate(*stage, to);
    into.trials.push_back(trial);
  }
  into.sharing.stages_before += from.sharing.stages_before;
  into.sharing.steps_before += from.sharing.steps_before;
  into.sharing.stages_after = static_cast<std::int64_t>(into.stages.size());
  into.sharing.steps_after += from.sharing.steps_after;
  return to;
}

}  // namespace espalier
