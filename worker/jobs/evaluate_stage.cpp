#include <algorithm>

#include "base/error.h"
#include "experiments/models/model_description.h"
#include "worker/jobs/stage_network.h"
#include "worker/jobs/stages.h"
#include "worker/training/evaluation.h"

namespace espalier {

bool run_evaluate_stage(const StageContext& context, StageOutcome& outcome) {
  const EvaluateSpec spec = parse_spec<EvaluateSpec>(context.stage.spec);
  StageNetwork network(context, spec.model, spec.compute);
  network.set_weights(context.needed_input(InputRole::weights));
  const ResidentDataset& data = context.datasets.get(spec.dataset, context.stage.dataset_path);
  if (data.test().count() == 0) {
    throw Error(ErrorKind::invalid_input,
                "dataset " + spec.dataset.name + " has no test examples to measure accuracy on");
  }
  constexpr std::int64_t kChecked = 16;
  network.check(data.slice(data.test(), 0, std::min(kChecked, data.test().count())).inputs);
  outcome.evaluation = evaluate(network.network(), data, data.test());
  return true;
}

}  // namespace espalier
