#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// How a family of models writes sizes after its name: FAMILY-1-2 or FAMILY-1x2.
struct NameSizes {
  std::string_view family;   ///< "mlp"
  std::string_view meaning;  ///< "the widths of its hidden layers", for messages
  std::string_view example;  ///< "mlp-512-256", for messages
  char separator = '-';      ///< between sizes
  std::size_t fewest = 1, most = 1;
  std::int64_t largest = 1;  ///< of one size; each is at least 1
};

/// The sizes in `name`, which is `form.family` or begins with it and '-'. Each has one spelling: no signs and no
/// leading zeros. Errors: ErrorKind::invalid_input, with the form, for a name without sizes and for sizes that are
/// none.
std::vector<std::int64_t> read_sizes(std::string_view name, const NameSizes& form);

}  // namespace espalier
