#pragma once

#include <vector>

#include "db/write/store.h"

namespace espalier {

class Core;

/// Open attempts of an earlier coordinator for the core's sweeps. Attempts of other sweeps, or that no sweep needs any
/// more, are ended: their pools get a stop if they reconnect.
std::vector<OpenAttempt> take_up_attempts(Store& store, const Core& core);

}  // namespace espalier
