#pragma once

#include <string>
#include <string_view>

namespace espalier {

/// A message with `<path>`, `<name>` (what stood in quotes), `<hex>` (addresses, keys) and `#` (numbers) in place of
/// what differs from case to case, sizes in `# bytes`, on one line. What follows c10's "Exception raised from" is left
/// out: it is a backtrace. Pure.
std::string normalized_message(std::string_view message);

}  // namespace espalier
