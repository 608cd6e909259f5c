#pragma once

#include <vector>

#include "db/write/changes.h"

namespace espalier {

class Core;

/// What an earlier coordinator handed out of the core's sweeps and nobody has ended. Attempts that have nothing to do
/// with them, or that none of them needs any more, are ended: their pools are told so if they come back.
std::vector<OpenAttempt> take_up_attempts(Store& store, const Core& core);

}  // namespace espalier
