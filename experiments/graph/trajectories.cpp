#include "experiments/graph/trajectories.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace espalier {
namespace {

struct Piece {
  SpecIndex trajectory;
  std::uint64_t seed;
  StageIndex weights, masks;
  std::int64_t end_step;
  StageIndex stage;

  auto trajectory_key() const { return std::tie(trajectory, seed, weights, masks); }
  auto order_key() const { return std::tie(trajectory, seed, weights, masks, end_step); }
};

void resume(std::vector<Stage>& stages, const Piece& from, const Piece& to) {
  Stage& later = stages[to.stage];
  const std::int64_t remaining = to.end_step - from.end_step;
  later.cost *= static_cast<double>(remaining) / static_cast<double>(later.steps);
  later.steps = remaining;
  later.resume_from = from.stage;
  stages[from.stage].keep_resume_state = true;
}

/// Appends `stage` to `order` after everything it needs.
void visit(const std::vector<Stage>& stages, StageIndex stage, std::vector<bool>& seen,
           std::vector<StageIndex>& order) {
  if (seen[stage]) return;
  seen[stage] = true;
  for (const StageInput& input : stages[stage].inputs) visit(stages, input.stage, seen, order);
  if (stages[stage].resume_from) visit(stages, *stages[stage].resume_from, seen, order);
  order.push_back(stage);
}

void renumber(std::optional<StageIndex>& stage, const std::vector<StageIndex>& places) {
  if (stage) stage = places[*stage];
}

}  // namespace

void link_trajectories(const SpecTable& specs, StageTable& table) {
  std::vector<Stage>& stages = table.stages();
  std::vector<Piece> pieces;
  for (StageIndex index = 0; index < stages.size(); ++index) {
    const StageIdentity& identity = table.identity(index);
    if (identity.kind != StageKind::train || !specs.is_cut(identity.spec)) continue;
    pieces.push_back({specs.trajectory(identity.spec), identity.seed, identity.weights, identity.masks,
                      specs.end_step(identity.spec), index});
  }
  std::ranges::sort(pieces, {}, &Piece::order_key);
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (pieces[i - 1].trajectory_key() == pieces[i].trajectory_key()) resume(stages, pieces[i - 1], pieces[i]);
  }
}

void order_stages(StageGraph& graph) {
  const auto is_ordered = [&](const Stage& stage) {
    return !stage.resume_from || &graph.stages[*stage.resume_from] < &stage;
  };
  if (std::ranges::all_of(graph.stages, is_ordered)) return;
  std::vector<StageIndex> order;
  std::vector<bool> seen(graph.stages.size());
  for (StageIndex stage = 0; stage < graph.stages.size(); ++stage) visit(graph.stages, stage, seen, order);
  std::vector<StageIndex> places(order.size());
  std::vector<Stage> stages;
  stages.reserve(order.size());
  for (const StageIndex stage : order) {
    places[stage] = static_cast<StageIndex>(stages.size());
    stages.push_back(std::move(graph.stages[stage]));
    for (StageInput& input : stages.back().inputs) input.stage = places[input.stage];
    renumber(stages.back().resume_from, places);
  }
  graph.stages = std::move(stages);
  for (TrialStages& trial : graph.trials) {
    trial.evaluate = places[trial.evaluate];
    for (std::optional<StageIndex>* stage : trial.optional_stages()) renumber(*stage, places);
  }
}

}  // namespace espalier
