#include "experiments/graph/stage_graph.h"

#include "experiments/graph/trajectories.h"
#include "experiments/graph/trial_chain.h"

namespace espalier {

StageGraph build_stage_graph(const std::vector<Trial>& trials) {
  constexpr std::size_t kUsualStagesPerTrial = 3;  // prune, retrain, evaluate; the dense ones are shared
  SpecTable specs;
  StageTable table(specs);
  table.reserve(trials.size() * kUsualStagesPerTrial);
  TrialChain chain(specs, table);
  StageGraph graph;
  graph.trials.reserve(trials.size());
  for (const Trial& trial : trials) {
    graph.trials.push_back(chain.add(trial, graph.sharing));
    graph.trials.back().dense_evaluate = chain.find_dense_evaluate(trial);
  }
  for (std::size_t i = 0; i < trials.size(); ++i) {  // a dense trial may come after those that are pruned from it
    TrialStages& stages = graph.trials[i];
    if (!stages.dense_evaluate) stages.dense_evaluate = chain.find_dense_evaluate(trials[i]);
  }
  link_trajectories(specs, table);
  graph.stages = std::move(table.stages());
  order_stages(graph);
  graph.sharing.stages_after = static_cast<std::int64_t>(graph.stages.size());
  for (const Stage& stage : graph.stages) graph.sharing.steps_after += stage.steps;
  return graph;
}

}  // namespace espalier
