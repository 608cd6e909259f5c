#pragma once

#include <string>

namespace espalier {

/// `text` with `?` for every control character but line breaks and tabs: what a worker wrote may hold anything, and a
/// terminal would obey it.
std::string printable_text(std::string text);

}  // namespace espalier
