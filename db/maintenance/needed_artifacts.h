#pragma once

#include <unordered_set>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "db/maintenance/artifact_rows.h"

namespace espalier {

/// Which files of stages may still be read.
struct NeededArtifacts {
  std::unordered_set<StageKey> artifacts;
  std::unordered_set<StageKey> resume_states;
};

/// The inputs of open work, and the outputs of finished trials: the networks and masks that were evaluated, and the
/// curves of sensitivity stages. Open work is every stage that must run before each trial has its results and times, as in Plan:
/// backwards from the evaluations that are not done, through stages that are not done or whose file is missing. `rows`:
/// all stages, by id. `present`: keys whose artifact exists with the recorded size.
/// For db's sources only. Errors: SQLite::Exception; ErrorKind::corrupt where a row
/// refers to a missing stage.
NeededArtifacts find_needed_artifacts(const SQLite::Database& database, const std::vector<ArtifactRow>& rows,
                                      const std::unordered_set<StageKey>& present);

}  // namespace espalier
