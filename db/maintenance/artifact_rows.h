#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "experiments/stages/stage.h"

namespace espalier {

/// What the database knows of a stage's artifact.
struct ArtifactRow {
  std::int64_t id = 0;
  StageKey key;
  std::string kind;
  std::string label;
  bool is_done = false;
  std::string sha256;       ///< "" if the stage leaves no file, or is not done
  std::int64_t bytes = 0;   ///< of that file
  bool is_removed = false;  ///< `espalier gc` took it; the file may still be there if that was cut short
  bool may_run = false;     ///< it is in an open attempt: a pool may be running it
  std::optional<std::int64_t> resume_from;  ///< id

  bool has_artifact() const { return is_done && !sha256.empty(); }
};

/// One for each stage, by id. For db's sources only. Errors: SQLite::Exception.
std::vector<ArtifactRow> read_artifact_rows(const SQLite::Database& database);

}  // namespace espalier
