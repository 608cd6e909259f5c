#pragma once

#include "experiments/stages/outcome.h"
#include "worker/jobs/stage_context.h"

namespace espalier {

/// Runs one stage and fills in its outcome (key, attempt and wall_s are the caller's). False: it was asked to stop, and
/// what it had reached is in its checkpoint. Errors: thrown.
using StageFunction = bool (*)(const StageContext& context, StageOutcome& outcome);

bool run_init_stage(const StageContext& context, StageOutcome& outcome);
bool run_train_stage(const StageContext& context, StageOutcome& outcome);
bool run_prune_stage(const StageContext& context, StageOutcome& outcome);
bool run_shuffle_stage(const StageContext& context, StageOutcome& outcome);
bool run_sensitivity_stage(const StageContext& context, StageOutcome& outcome);
bool run_evaluate_stage(const StageContext& context, StageOutcome& outcome);

}  // namespace espalier
