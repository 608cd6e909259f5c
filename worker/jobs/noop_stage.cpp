#include "worker/jobs/stages.h"

namespace espalier {

bool run_noop_stage(const StageContext&, StageOutcome&) {
  return true;
}

}  // namespace espalier
