#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// The choice nearest to `found` by edit distance (optimal string alignment), capitals, marks between syllables and
/// invisible characters aside; else one of which either is the beginning of the other; "" if none is near enough to be
/// a slip.
std::string nearest_choice(std::string_view found, const std::vector<std::string>& choices);

/// `unknown "snp"; did you mean "snip"? (one of magnitude, random, snip)`: the sentence every unknown name gets.
std::string unknown_name(std::string_view found, const std::vector<std::string>& choices);
/// The same with another guess.
std::string unknown_name(std::string_view found, const std::vector<std::string>& choices, std::string_view meant);

}  // namespace espalier
