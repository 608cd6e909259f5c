#pragma once

#include <unordered_set>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "db/maintenance/artifact_rows.h"

namespace espalier {

/// Which files of stages somebody may still read.
struct NeededArtifacts {
  std::unordered_set<StageKey> artifacts;
  std::unordered_set<StageKey> resume_states;
};

/// What open work takes as input, and what finished trials are asked for: the networks and masks that were evaluated,
/// and the curves of sensitivity stages. Open work is every stage that is to run before each trial has its results, as
/// Plan finds it: backwards from the evaluations that are not done, through stages that are not done or whose file is
/// not there. `rows`: all stages, by id. `present`: keys whose artifact is there with the size recorded.
/// For db's sources only. Errors: SQLite::Exception; ErrorKind::corrupt where a row
/// points at a stage that is not there.
NeededArtifacts find_needed_artifacts(const SQLite::Database& database, const std::vector<ArtifactRow>& rows,
                                      const std::unordered_set<StageKey>& present);

}  // namespace espalier
