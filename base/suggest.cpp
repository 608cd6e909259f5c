#include "base/suggest.h"

#include <algorithm>

#include "base/utf8.h"

namespace espalier {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

/// How words are compared: a slip is neither a capital letter nor a mark between syllables.
std::string plain_word(std::string_view word) {
  std::string plain;
  for (const char c : without_invisible(word)) {
    if (c != '-' && c != '_' && c != ' ' && c != '.')
      plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

/// "training" for train, "lenet300" for lenet-300-100.
bool begins_alike(std::string_view a, std::string_view b) {
  constexpr std::size_t kShortest = 4;
  return std::min(a.size(), b.size()) >= kShortest && (a.starts_with(b) || b.starts_with(a));
}

}  // namespace

std::string nearest_choice(std::string_view found, const std::vector<std::string>& choices) {
  constexpr std::size_t kLongestName = 64;
  if (found.size() > kLongestName) return "";
  const std::string word = plain_word(found);
  std::string best, longest_alike;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& choice : choices) {
    const std::string known = plain_word(choice);
    const std::size_t distance = edit_distance(word, known);
    if (distance < best_distance && distance < std::max(word.size(), known.size())) {
      best_distance = distance;
      best = choice;
    }
    const bool alike = begins_alike(word, known);
    if (alike && (longest_alike.empty() || choice.size() > longest_alike.size())) longest_alike = choice;
  }
  return best.empty() ? longest_alike : best;
}

std::string unknown_name(std::string_view found, const std::vector<std::string>& choices) {
  return unknown_name(found, choices, nearest_choice(found, choices));
}

std::string unknown_name(std::string_view found, const std::vector<std::string>& choices, std::string_view meant) {
  std::string text = "unknown " + quoted_text(found);
  if (!meant.empty()) text.append("; did you mean \"").append(meant).append("\"?");
  text += " (one of ";
  for (std::size_t i = 0; i < choices.size(); ++i) text += (i == 0 ? "" : ", ") + choices[i];
  return text + ")";
}

}  // namespace espalier
