#include "experiments/models/model_description.h"
#include "worker/jobs/stages.h"
#include "worker/network/initialization.h"

namespace espalier {

bool run_init_stage(const StageContext& context, StageOutcome& outcome) {
  const InitSpec spec = parse_spec<InitSpec>(context.stage.spec);
  Network network = context.network(spec.model);
  initialize(network, spec, context.stage.seed);
  context.leave(network.weights(), InputRole::weights, outcome);
  return true;
}

}  // namespace espalier
