#include "tests/orchestrator/noop_graph.h"

#include "experiments/stages/stage_key.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {

StageGraph noop_graph(int count) {
  StageGraph graph;
  for (int i = 0; i < count; ++i) {
    Stage stage;
    stage.kind = StageKind::noop;
    stage.spec = std::make_shared<const std::string>(canonical_json(NoopSpec{i}));
    stage.key = make_stage_key(stage.kind, {}, 0, *stage.spec);
    stage.cost = 1;
    stage.label = "noop " + std::to_string(i);
    graph.stages.push_back(std::move(stage));
  }
  return graph;
}

}  // namespace espalier
