#pragma once

#include <string>

#include "experiments/pools/pool_profile.h"

namespace espalier {

/// The profile of that name among those that come with espalier, or in that file (a name with a slash, or one that ends
/// in .yaml). Errors: ErrorKind::invalid_input with every problem on a line of its own, or with the names there are.
PoolProfile load_pool_profile(const std::string& name_or_file);

}  // namespace espalier
