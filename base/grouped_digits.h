#pragma once

#include <cstdint>
#include <string>

namespace espalier {

/// `1,234,567`: a count for people. `number` >= 0.
std::string grouped(std::int64_t number);

}  // namespace espalier
