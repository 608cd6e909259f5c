#include "analysis/failures/failure_evidence.h"

#include <cstdint>
#include <iterator>

namespace espalier {

FailureEvidence read_failure_evidence(const StoreReader& reader, const std::string& sweep) {
  constexpr std::int64_t kMostFailures = 2000;
  FailureEvidence evidence;
  evidence.failures = reader.charged_failures(sweep, kMostFailures + 1);
  evidence.has_older = std::ssize(evidence.failures) > kMostFailures;
  if (evidence.has_older) evidence.failures.pop_back();
  evidence.diverged = reader.diverged_stages(sweep);
  evidence.trials = reader.trial_fates(sweep);
  evidence.work = reader.work_by_host(sweep);
  return evidence;
}

}  // namespace espalier
