#pragma once

#include <string>
#include <vector>

namespace CLI {
class Validator;
}

namespace espalier {

/// A word on a command line that is one of these; another gets a guess at what was meant.
CLI::Validator word_option(const std::vector<std::string>& choices);

}  // namespace espalier
