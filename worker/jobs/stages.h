#pragma once

#include "experiments/stages/outcome.h"
#include "worker/jobs/stage_context.h"

namespace espalier {

/// Runs one stage and fills in its outcome (the caller sets key, attempt and wall_s). False: it was stopped, and its
/// progress is in its checkpoint. Errors: thrown.
using StageFunction = bool (*)(const StageContext& context, StageOutcome& outcome);

#define ESPALIER_STAGE_KIND(name, spec, properties) \
  bool run_##name##_stage(const StageContext& context, StageOutcome& outcome);
#include "experiments/stages/stage_kinds.def"
#undef ESPALIER_STAGE_KIND

}  // namespace espalier
