#pragma once

#include "db/write/store.h"

namespace espalier {

/// Records the outcomes that pools left in the store's spool while no coordinator listened, and removes the files.
/// Outcomes that the store has, or has no stage for, change nothing. Errors: those of Store::apply.
void replay_spool(Store& store);

}  // namespace espalier
