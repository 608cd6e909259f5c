#include "worker/torchscript/exports/script_literals.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace espalier {
namespace {

constexpr std::string_view kPythonKeywords =
    " False None True and as assert async await break class continue def del elif else except finally for from global "
    "if import in is lambda nonlocal not or pass raise return try while with yield ";

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name(std::string_view text) {
  return !text.empty() && is_letter(text[0]) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

}  // namespace

std::string script_literal(std::int64_t value) {
  return std::to_string(value);
}

std::string script_literal(double value) {
  if (std::isinf(value)) return value > 0 ? "float(\"inf\")" : "float(\"-inf\")";
  if (std::isnan(value)) return "float(\"nan\")";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  std::string literal(text.data(), end);
  if (literal.find_first_of(".e") == std::string::npos) literal += ".";
  return literal;
}

std::string script_literal(const std::vector<std::int64_t>& values) {
  std::string literal = "[";
  for (std::size_t i = 0; i < values.size(); ++i) literal += (i == 0 ? "" : ", ") + std::to_string(values[i]);
  return literal + "]";
}

std::string script_literal(bool value) {
  return value ? "True" : "False";
}

bool is_python_keyword(std::string_view name) {
  return name.find(' ') == std::string_view::npos &&
         kPythonKeywords.find(" " + std::string(name) + " ") != std::string_view::npos;
}

std::string script_attribute(const std::string& of, std::string_view name) {
  if (is_name(name)) return of + "." + std::string(name);
  return "getattr(" + of + ", \"" + std::string(name) + "\")";
}

std::string script_identifier(std::string_view text) {
  std::string name(text);
  std::ranges::replace_if(
      name, [](char c) { return !is_letter(c) && !is_digit(c); }, '_');
  return name;
}

}  // namespace espalier
