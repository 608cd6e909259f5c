#include "analysis/failure_evidence.h"

namespace espalier {

FailureEvidence read_failure_evidence(const StoreReader& reader, const std::string& sweep) {
  return {reader.charged_failures(sweep), reader.diverged_stages(sweep), reader.trial_fates(sweep),
          reader.work_by_host(sweep)};
}

}  // namespace espalier
