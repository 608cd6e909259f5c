#pragma once

#include <string>

namespace espalier {

/// `41 s`, `3 min 20 s`, `2 h 05 min`, `4 d 03 h`: two units at most, for people.
std::string duration_text(double seconds);

}  // namespace espalier
