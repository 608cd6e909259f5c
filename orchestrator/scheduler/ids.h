#pragma once

#include <cstdint>

namespace espalier {

using PoolId = std::uint32_t;
/// Seconds on any clock that only goes forward; the coordinator uses UTC seconds since 1970, for the database.
using Now = double;

}  // namespace espalier
