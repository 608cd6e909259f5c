#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "db/maintenance/store_check.h"
#include "db/write/store.h"

namespace espalier {

/// The repair of a finding.
struct Repair {
  std::filesystem::path where;
  std::string done;
};

/// Renames damaged artifacts to NAME.damaged and reopens the stages of damaged and missing ones: their rows are set
/// back to waiting, with a note. If it held a finished trial's network, the trial's evaluation is set back as well, so
/// that the next run computes it again; its result is kept until then. Other stages run again when needed. Other
/// findings are not changed. `store` is the one that was checked, opened before the check. Errors: those of
/// Store::apply.
std::vector<Repair> repair_artifacts(Store& store, const StoreCheck& check);

}  // namespace espalier
