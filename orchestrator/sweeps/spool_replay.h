#pragma once

#include "db/write/store.h"

namespace espalier {

/// Records the outcomes that pools wrote to the store's spool while no coordinator listened, and removes the files.
/// Ignores outcomes that the store has, or has no stage for. Errors: those of Store::apply.
void replay_spool(Store& store);

}  // namespace espalier
