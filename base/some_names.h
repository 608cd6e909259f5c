#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace espalier {

/// "fc1, fc2 and 3 more": the first `most` names.
std::string some_names(const std::vector<std::string>& names, std::size_t most = 8, const std::string& between = ", ");

}  // namespace espalier
