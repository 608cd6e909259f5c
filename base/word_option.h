#pragma once

#include <string>
#include <vector>

namespace CLI {
class Validator;
}

namespace espalier {

/// A command-line word that must be one of these; another gets a suggestion.
CLI::Validator word_option(const std::vector<std::string>& choices);

}  // namespace espalier
