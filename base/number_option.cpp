#include "base/number_option.h"

#include <charconv>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/utf8.h"

namespace espalier {
namespace {

/// An option's conversion would take 010 for 8.
bool looks_octal(std::string_view digits) {
  if (digits.starts_with('-')) digits.remove_prefix(1);
  return digits.size() > 1 && digits[0] == '0';
}

template <typename Number>
CLI::Validator range_option(const char* what, Number low, Number high) {
  constexpr std::size_t kShown = 80;
  const auto check = [what, low, high](const std::string& text) -> std::string {
    Number number{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool plain = error == std::errc() && stop == end && (std::is_floating_point_v<Number> || !looks_octal(text));
    if (plain && number >= low && number <= high) return "";  // NaN is neither
    return fmt::format("expected {} from {} to {}, found {}", what, low, high, printable(text.substr(0, kShown)));
  };
  return {check, fmt::format("in [{} - {}]", low, high)};
}

}  // namespace

CLI::Validator whole_number_option(std::int64_t low, std::int64_t high) {
  return range_option<std::int64_t>("a whole number", low, high);
}

CLI::Validator number_option(double low, double high) {
  return range_option<double>("a number", low, high);
}

}  // namespace espalier
