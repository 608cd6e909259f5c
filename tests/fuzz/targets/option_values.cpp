// Numbers on a command line: what the first byte chooses is checked and converted as both programs do it.

#include <cmath>

#include <CLI/CLI.hpp>

#include "base/number_option.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {
namespace {

/// Whether the option takes the text. Errors: ErrorKind::internal if it then holds a number out of its range.
template <typename Number>
bool take(std::string_view text, const CLI::Validator& range, Number low, Number high) {
  CLI::App app;
  Number number{};
  app.add_option("--n", number)->check(range);
  try {
    app.parse(std::vector<std::string>{"--n=" + std::string(text)});
  } catch (const CLI::ParseError&) {
    return false;
  }
  if (number >= low && number <= high) return true;
  throw Error(ErrorKind::internal, "taken, but out of range: " + std::to_string(number));
}

}  // namespace

FuzzTarget option_values_target() {
  FuzzTarget target;
  target.name = "option_values";
  target.seeds = {"a0.5", "b12", "c-7", "d0", "e1e-3"};
  target.dictionary = {"nan", "inf", "-", "+", "e", ".", "0x", "0", "1e308", "-0.0", " ", "\n", ",", "%", "_"};
  target.largest = 1 << 12;
  target.held_besides = 1 << 22;  // an error of the library holds the whole line
  target.short_run = 5000;
  target.read = [](std::string_view input) {
    if (input.empty()) return false;
    const std::string_view text = input.substr(1);
    switch (input[0] & 7) {
      case 1:
        return take<double>(text, number_option(0, 1000), 0, 1000);
      case 2:
        return take<int>(text, whole_number_option(1, 4096), 1, 4096);
      case 3:
        return take<int>(text, whole_number_option(-1000, 1000), -1000, 1000);
      case 4:
        return take<std::uint64_t>(text, whole_number_option(0, INT64_MAX), 0, INT64_MAX);
      default:
        return take<double>(text, number_option(1e-3, 1e9), 1e-3, 1e9);
    }
  };
  return target;
}

}  // namespace espalier
