#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/failures/failing_region.h"
#include "db/rows/failure_row.h"

namespace espalier {

/// What a store knows of a sweep's failures, and of what went well beside them.
struct FailureEvidence {
  std::vector<ChargedFailureRow> failures;  ///< newest first
  bool has_older = false;                   ///< failures that are left out
  std::vector<DivergedStageRow> diverged;
  std::vector<TrialFateRow> trials;  ///< all of the sweep
  std::vector<HostWorkRow> work;
};

/// The likely cause, by the evidence.
struct FailureVerdict {
  enum class Kind {
    job,     ///< one stage fails, several others of its kind are done
    node,    ///< several stages fail, all on one host, while others do the work
    region,  ///< a part of the sweep fails, and nothing else
    unclear
  } kind = Kind::unclear;
  std::string sentence;                ///< for people, with the numbers behind it
  std::vector<TrialSetting> settings;  ///< of a region; of a job, if it is all there is of one
};
std::string_view to_string(FailureVerdict::Kind kind);

/// Failures with one signature.
struct FailureGroup {
  std::string signature, cause;
  std::vector<std::size_t> failures;  ///< indices of FailureEvidence::failures, newest first
  std::size_t example = 0;            ///< the most informative of them
  std::int64_t jobs = 0;              ///< stages
  std::int64_t nodes = 0;             ///< hosts that are known
  std::int64_t quarantined = 0;       ///< stages that are failed now
  std::int64_t trials = 0;            ///< that are not done for want of these stages
  FailureVerdict verdict;
};

/// The sweep's failures by signature: most quarantined jobs first, then most failures. Pure.
///
/// A failing job is its own fault if others like it are done, the node's if several fail on one host while others do
/// the work, and the sweep's if the trials that want for them are a part of it (find_failing_region). A host that has
/// done such work before is blamed only where no part of the sweep can be. Trials that diverged count for neither side.
std::vector<FailureGroup> group_failures(const FailureEvidence& evidence);

/// Diverged trainings are results. What they have in common, found in the same way.
struct DivergedGroup {
  std::int64_t trainings = 0, trials = 0;
  std::string sentence;  ///< "" if nothing diverged
  std::vector<TrialSetting> settings;
};
DivergedGroup group_diverged(const FailureEvidence& evidence);

}  // namespace espalier
