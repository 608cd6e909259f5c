#include "experiments/pools/pool_words.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace espalier {
namespace {

constexpr std::int64_t kMostSeconds = std::int64_t{366} * 86400;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Letters, digits and `others`, of which only those in `first` may stand at the beginning.
bool is_made_of(std::string_view text, std::string_view first, std::string_view others, std::size_t most) {
  if (text.empty() || text.size() > most) return false;
  if (!is_alnum(text[0]) && first.find(text[0]) == std::string_view::npos) return false;
  return std::ranges::all_of(text, [&](char c) { return is_alnum(c) || others.find(c) != std::string_view::npos; });
}

/// The numbers between separators; nothing if one is no number.
std::optional<std::vector<std::int64_t>> numbers_in(std::string_view text) {
  std::vector<std::int64_t> numbers;
  while (true) {
    const std::size_t end = std::min(text.find(':'), text.size());
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + end, number);
    if (end == 0 || error != std::errc() || stop != text.data() + end || number < 0 || number > kMostSeconds)
      return std::nullopt;
    numbers.push_back(number);
    if (end == text.size()) return numbers;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

bool is_pool_name(std::string_view text) {
  return is_made_of(text, "", "_.-", 60);
}
bool is_scheduler_name(std::string_view text) {
  return is_made_of(text, "_", "_.-,@+:", 200);
}
bool is_scheduler_value(std::string_view text) {
  return is_made_of(text, "_[(/.@", "_.,:=/@+%*[]()&|-", 200);
}
bool is_module_name(std::string_view text) {
  return is_made_of(text, "_", "_.-+/:@", 200);
}
bool is_variable_name(std::string_view text) {
  return is_made_of(text, "_", "_", 100) && (text[0] < '0' || text[0] > '9');
}

bool is_plain_word(std::string_view text) {
  constexpr std::string_view kRefused = "\"'\\$%#`";
  return !text.empty() && text.size() <= 1000 && std::ranges::all_of(text, [&](char c) {
    return c >= 0x20 && c < 0x7f && kRefused.find(c) == std::string_view::npos;
  });
}

std::optional<std::int64_t> parse_time_limit(std::string_view text) {
  std::int64_t seconds = 0;
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto days = numbers_in(text.substr(0, dash));
    const auto rest = numbers_in(text.substr(dash + 1));
    if (!days || days->size() != 1 || !rest || rest->size() > 3) return std::nullopt;
    seconds = days->front() * 86400;
    std::int64_t unit = 3600;
    for (const std::int64_t number : *rest) {
      seconds += number * unit;
      unit /= 60;
    }
  } else {
    const auto numbers = numbers_in(text);
    if (!numbers || numbers->size() > 3) return std::nullopt;
    const auto& n = *numbers;
    seconds = n.size() == 1 ? n[0] * 60 : n.size() == 2 ? n[0] * 60 + n[1] : n[0] * 3600 + n[1] * 60 + n[2];
  }
  if (seconds < 1 || seconds > kMostSeconds) return std::nullopt;
  return seconds;
}

std::string time_limit_text(std::int64_t seconds) {
  const std::int64_t days = seconds / 86400;
  return fmt::format("{}{:02}:{:02}:{:02}", days > 0 ? fmt::format("{}-", days) : "", seconds / 3600 % 24,
                     seconds / 60 % 60, seconds % 60);
}

}  // namespace espalier
