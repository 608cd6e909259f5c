#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "db/maintenance/store_check.h"
#include "db/write/store.h"

namespace espalier {

/// What was done about a finding.
struct Repair {
  std::filesystem::path where;
  std::string done;
};

/// Sets damaged artifacts aside under NAME.damaged and has the stages of damaged and missing ones done again: their
/// rows go back to waiting, with a note. Where a finished trial's network was in it, the trial's evaluation goes back
/// as well, so that the next run makes it again; its result stays meanwhile. Other stages run again when something
/// needs them. What else was found is left as it is. `store` is the one that was checked, opened before that. Errors:
/// those of Store::apply.
std::vector<Repair> repair_artifacts(Store& store, const StoreCheck& check);

}  // namespace espalier
