#pragma once

#include "experiments/paths/store_paths.h"

namespace espalier {

/// Before a store is opened to be written: its lock keeps others out for as long as nobody removes that file. Whose
/// connection file is there, lives and listens, is still at work, and would lose that file to us.
/// Errors: ErrorKind::unavailable then.
void refuse_second_coordinator(const StorePaths& store);

}  // namespace espalier
