#include "experiments/parse/yaml_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"

namespace espalier {
namespace {

std::optional<double> number_in(const YamlValue& value) {
  double number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, error] = std::from_chars(value.text.data(), end, number);
  if (value.quoted || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// Of a number the one spelling that all equal numbers share: 0.50 and 5e-1 are 0.5, 1e3 is 1000, -0.0 is 0. Whole
/// numbers are exact, others what they are as doubles.
std::optional<std::string> number_text(const YamlValue& value) {
  constexpr double kWholeBelow = 0x1p63;
  std::int64_t whole = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, error] = std::from_chars(value.text.data(), end, whole);
  if (!value.quoted && error == std::errc() && stop == end) return std::to_string(whole);
  const auto number = number_in(value);
  if (!number) return std::nullopt;
  const bool is_whole = std::abs(*number) < kWholeBelow && std::trunc(*number) == *number;
  return is_whole ? std::to_string(static_cast<std::int64_t>(*number)) : fmt::format("{}", *number);
}

bool same_scalar(const YamlValue& a, const YamlValue& b) {
  return a.text == b.text || number_text(a).value_or(a.text) == number_text(b).value_or(b.text);
}

bool is_called(const YamlValue& map, const YamlValue& word) {
  const YamlValue* name = map.find("name");
  if (name != nullptr) return name->kind == YamlValue::Kind::scalar && same_scalar(*name, word);
  return map.entries.size() == 1 && map.entries.front().key == word.text;
}

bool may_hold_choices(const YamlEntry& entry) {
  return entry.key != "milestones" && entry.key != "block" &&
         (entry.value.kind == YamlValue::Kind::list || entry.value.kind == YamlValue::Kind::map);
}

}  // namespace

const YamlValue* YamlValue::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string describe(const YamlValue& value) {
  switch (value.kind) {
    case YamlValue::Kind::null:
      return "nothing";
    case YamlValue::Kind::list:
      return value.items.empty() ? "an empty list" : "a list";
    case YamlValue::Kind::map:
      return value.entries.empty() ? "an empty map" : "a map";
    case YamlValue::Kind::scalar:
      break;
  }
  constexpr std::size_t kLongest = 80;
  const bool fits = value.text.size() <= kLongest;
  return number_in(value) ? value.text.substr(0, kLongest) + (fits ? "" : "...")
                          : "the text " + quoted_text(value.text);
}

std::string flow_text(const YamlValue& value) {
  std::string text;
  switch (value.kind) {
    case YamlValue::Kind::null:
      return "null";
    case YamlValue::Kind::scalar:
      return value.text;
    case YamlValue::Kind::list:
      for (const YamlValue& item : value.items) text += (text.empty() ? "" : ", ") + flow_text(item);
      return "[" + text + "]";
    case YamlValue::Kind::map:
      for (const YamlEntry& entry : value.entries) {
        text += (text.empty() ? "" : ", ") + entry.key + ": " + flow_text(entry.value);
      }
  }
  return "{" + text + "}";
}

std::string value_text(const YamlValue& value) {
  std::vector<std::string> parts;
  switch (value.kind) {
    case YamlValue::Kind::null:
      return "null";
    case YamlValue::Kind::scalar:
      return number_text(value).value_or(value.text);
    case YamlValue::Kind::list:
      for (const YamlValue& item : value.items) parts.push_back(value_text(item));
      return fmt::format("[{}]", fmt::join(parts, ", "));
    case YamlValue::Kind::map:
      for (const YamlEntry& entry : value.entries) parts.push_back(entry.key + ": " + value_text(entry.value));
  }
  std::ranges::sort(parts);
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

bool matches(const YamlValue& value, const YamlValue& pattern) {
  using Kind = YamlValue::Kind;
  if (pattern.kind == Kind::list) {
    return std::ranges::any_of(pattern.items, [&](const YamlValue& item) { return matches(value, item); });
  }
  if (value.kind == Kind::map && pattern.kind == Kind::scalar) return is_called(value, pattern);
  if (value.kind != pattern.kind) return false;
  if (value.kind == Kind::scalar) return same_scalar(value, pattern);
  return std::ranges::all_of(pattern.entries, [&](const YamlEntry& entry) {
    const YamlValue* mine = value.find(entry.key);
    return mine != nullptr && matches(*mine, entry.value);
  });
}

std::vector<YamlValue> alternatives(const YamlValue& value) {
  std::vector<YamlValue> made;
  if (value.kind == YamlValue::Kind::list) {
    for (const YamlValue& item : value.items) {
      // A list in a list is never a value: the item's reader reports it.
      const bool is_list = item.kind == YamlValue::Kind::list;
      for (YamlValue& one : is_list ? std::vector{item} : alternatives(item)) made.push_back(std::move(one));
    }
    return made;
  }
  made.push_back(value);
  for (std::size_t i = 0; i < value.entries.size(); ++i) {
    if (!may_hold_choices(value.entries[i])) continue;
    const std::vector<YamlValue> choices = alternatives(value.entries[i].value);
    std::vector<YamlValue> product;
    for (YamlValue& base : made) {
      base.entries[i].value = {};  // or each copy would hold the whole list
      for (const YamlValue& choice : choices) {
        product.push_back(base);
        product.back().entries[i].value = choice;
      }
    }
    made = std::move(product);
  }
  return made;
}

std::size_t count_alternatives(const YamlValue& value, std::size_t limit) {
  std::size_t count = value.kind == YamlValue::Kind::list ? 0 : 1;
  for (const YamlValue& item : value.items) {
    count += item.kind == YamlValue::Kind::list ? 1 : count_alternatives(item, limit);
  }
  for (const YamlEntry& entry : value.entries) {
    if (may_hold_choices(entry)) count = std::min(limit, count) * count_alternatives(entry.value, limit);
  }
  return std::min(limit, count);
}

}  // namespace espalier
