#include "experiments/parse/scalars.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/utf8.h"
#include "experiments/parse/unknown_word.h"
#include "experiments/spec/sweep_limits.h"

namespace espalier {
namespace {

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_plain(const YamlValue& value) {
  return value.kind == YamlValue::Kind::scalar && !value.quoted;
}

std::string to_text(const NumberRange& range) {
  std::string text = fmt::format("a number {} {} and {} {}", range.with_low ? "from" : "above", range.low,
                                 range.with_high ? "at most" : "below", range.high);
  return range.what.empty() ? text : text + ": " + range.what;
}

void expected(const YamlValue& value, const std::string& what, Problems& problems) {
  problems.add(value.place, "expected " + what + ", found " + describe(value));
}

/// The digits before `unit` at the front of `text`, which is then shortened by both; nothing if there are none.
std::optional<std::int64_t> take_amount(std::string_view& text, std::string_view unit) {
  const std::size_t end = text.find(unit);
  if (end == std::string_view::npos) return std::nullopt;
  const auto amount = whole_number<std::int64_t>(text.substr(0, end));
  if (amount) text.remove_prefix(end + unit.size());
  return amount;
}

}  // namespace

std::optional<double> parse_number(const YamlValue& value, const NumberRange& range, Problems& problems) {
  const auto number = is_plain(value) ? whole_number<double>(value.text) : std::nullopt;
  const bool fits = number && std::isfinite(*number) && (range.with_low ? *number >= range.low : *number > range.low) &&
                    (range.with_high ? *number <= range.high : *number < range.high);
  if (fits) return *number + 0.0;  // -0.0 becomes 0, also where its bits go into a key
  expected(value, to_text(range), problems);
  return std::nullopt;
}

std::optional<double> parse_sparsity(const YamlValue& value, Problems& problems) {
  NumberRange range{0, 1, true, false, "the fraction removed"};
  const auto number = is_plain(value) ? whole_number<double>(value.text) : std::nullopt;
  if (number && *number >= 2 && *number < 100)
    range.what += fmt::format(" ({} % is written {})", *number, *number / 100);
  return parse_number(value, range, problems);
}

std::optional<std::int64_t> parse_count(const YamlValue& value, std::int64_t least, std::int64_t most,
                                        Problems& problems) {
  const auto number = is_plain(value) ? whole_number<std::int64_t>(value.text) : std::nullopt;
  if (number && *number >= least && *number <= most) return number;
  expected(value, fmt::format("an integer from {} to {}", least, most), problems);
  return std::nullopt;
}

std::optional<bool> parse_flag(const YamlValue& value, Problems& problems) {
  if (is_plain(value) && value.text == "true") return true;
  if (is_plain(value) && value.text == "false") return false;
  expected(value, "true or false", problems);
  return std::nullopt;
}

std::optional<std::string> parse_text(const YamlValue& value, Problems& problems) {
  constexpr std::size_t kLongest = 1000;
  if (value.kind == YamlValue::Kind::scalar && !value.text.empty() && value.text.size() <= kLongest &&
      !has_control_character(value.text)) {
    return value.text;
  }
  // A path, say, would end for the system where a NUL is, and for the reader of a table where a line does.
  expected(value, "a text of 1 to 1000 bytes without control characters", problems);
  return std::nullopt;
}

std::optional<std::string> parse_name(const YamlValue& value, const std::vector<std::string>& choices,
                                      Problems& problems) {
  if (value.kind != YamlValue::Kind::scalar) {
    std::string names;
    for (const std::string& choice : choices) names += (names.empty() ? "" : ", ") + choice;
    expected(value, "one of " + names, problems);
    return std::nullopt;
  }
  for (const std::string& choice : choices) {
    if (choice == value.text) return choice;
  }
  problems.add(value.place, unknown_word(value.text, choices));
  return std::nullopt;
}

std::optional<Length> parse_length(const YamlValue& value, Problems& problems, const std::string& or_word) {
  Length length{0, 0, value.place};
  if (value.kind == YamlValue::Kind::scalar) {
    std::string_view rest = value.text;
    const auto epochs = take_amount(rest, "ep");
    const auto steps = take_amount(rest, "it");
    const auto bare = epochs || steps ? std::nullopt : whole_number<std::int64_t>(rest);
    length.epochs = epochs.value_or(0);
    length.steps = bare ? *bare : steps.value_or(0);
    const bool in_range =
        length.epochs >= 0 && length.epochs <= kMostSteps && length.steps >= 0 && length.steps <= kMostSteps;
    if (in_range && (bare || ((epochs || steps) && rest.empty()))) return length;
  }
  expected(value, or_word + "a length of training: 500it, 2ep, 2ep50it, or a number of steps (at most 1000000000)",
           problems);
  return std::nullopt;
}

std::optional<Form> parse_form(const YamlValue& value, const std::vector<std::string>& names, Problems& problems) {
  if (value.kind == YamlValue::Kind::map && value.entries.size() == 1) {
    const YamlEntry& entry = value.entries.front();
    for (const std::string& name : names) {
      if (name == entry.key) return Form{name, entry.value};
    }
    problems.add(entry.place, unknown_word(entry.key, names));
    return std::nullopt;
  }
  if (value.kind == YamlValue::Kind::map) {
    problems.add(value.place, fmt::format("expected a map with one key ({}), found {} keys", fmt::join(names, ", "),
                                          value.entries.size()));
    return std::nullopt;
  }
  const auto name = parse_name(value, names, problems);
  if (!name) return std::nullopt;
  Form form{*name, {}};
  form.settings.place = value.place;
  return form;
}

}  // namespace espalier
