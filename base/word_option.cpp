#include "base/word_option.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/suggest.h"

namespace espalier {

CLI::Validator word_option(const std::vector<std::string>& choices) {
  const auto check = [choices](const std::string& text) {
    return std::ranges::find(choices, text) != choices.end() ? "" : unknown_name(text, choices);
  };
  return {check, fmt::format("{{{}}}", fmt::join(choices, ","))};
}

}  // namespace espalier
