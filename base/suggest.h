#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// The choice nearest to `found` by edit distance (optimal string alignment), or "" if none is near enough to be a
/// slip.
std::string nearest_choice(std::string_view found, const std::vector<std::string>& choices);

/// `unknown "snp"; did you mean "snip"? (one of magnitude, random, snip)`: the sentence every unknown name gets.
std::string unknown_name(std::string_view found, const std::vector<std::string>& choices);

}  // namespace espalier
