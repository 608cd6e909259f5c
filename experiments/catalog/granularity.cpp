#include "experiments/catalog/granularity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

constexpr std::int64_t kLargest = 65'536;
constexpr std::array<std::string_view, 5> kReductions = {"sum", "mean", "l1", "l2", "max"};

struct NamedKind {
  std::string_view name;
  Kind kind;
};
constexpr NamedKind kWholeUnits[] = {{"row", Kind::row},
                                     {"filter", Kind::filter},
                                     {"channel", Kind::channel},
                                     {"head", Kind::head},
                                     {"layer", Kind::layer}};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    if (end != 0) words.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

/// "4x4", "2:4"
std::optional<std::array<std::int64_t, 2>> two_numbers(std::string_view word, char between) {
  std::array<std::int64_t, 2> numbers{};
  const char* end = word.data() + word.size();
  const auto first = std::from_chars(word.data(), end, numbers[0]);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != between) return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, numbers[1]);
  if (second.ec != std::errc{} || second.ptr != end) return std::nullopt;
  return numbers;
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw Error(ErrorKind::invalid_input, "granularity: \"" + std::string(text) + "\" " + why);
}

Reduction parse_reduction(std::string_view text, std::string_view word) {
  for (std::size_t i = 0; i < kReductions.size(); ++i) {
    if (kReductions[i] == word) return static_cast<Reduction>(i);
  }
  refuse(text, "has " + unknown_name(std::string(word), {kReductions.begin(), kReductions.end()}) + " as reduction");
}

}  // namespace

Granularity parse_granularity(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  Granularity granularity;
  std::size_t read = 1;
  if (words.empty()) refuse(text, "names nothing; the default is weight");
  if (words[0] == "weight") {
    if (words.size() > 1) refuse(text, "has a reduction, but single weights have nothing to reduce");
    return granularity;
  }
  if (const auto n_of_m = two_numbers(words[0], ':')) {
    granularity.kind = Kind::n_of_m;
    granularity.kept = (*n_of_m)[0];
    granularity.of = (*n_of_m)[1];
    if (granularity.kept < 1 || granularity.kept >= granularity.of || granularity.of > kLargest || words.size() > 1)
      refuse(text, "should be n:m with 0 < n < m: of every m consecutive inputs, n are kept, as in 2:4");
    return granularity;
  }
  if (words[0] == "block") {
    const auto sides = words.size() > 1 ? two_numbers(words[1], 'x') : std::nullopt;
    if (!sides || (*sides)[0] < 1 || (*sides)[1] < 1 || (*sides)[0] > kLargest || (*sides)[1] > kLargest)
      refuse(text, "should have the sides of its blocks, outputs by inputs, as in block 4x4");
    granularity = {Kind::block, (*sides)[0], (*sides)[1], 1, 1, Reduction::mean};
    read = 2;
  } else {
    bool known = false;
    for (const NamedKind& whole : kWholeUnits) {
      if (whole.name != words[0]) continue;
      granularity.kind = whole.kind;
      known = true;
    }
    if (!known)
      throw Error(ErrorKind::invalid_input,
                  "granularity: " + unknown_name(std::string(text), {"weight", "block 4x4", "2:4", "row", "filter",
                                                                     "channel", "head", "layer"}));
  }
  if (words.size() > read) granularity.reduction = parse_reduction(text, words[read]);
  if (words.size() > read + 1) refuse(text, "has more words than a reduction");
  return granularity;
}

bool names_reduction(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  return !words.empty() && std::ranges::find(kReductions, words.back()) != kReductions.end();
}

std::string_view to_string(Reduction reduction) {
  return kReductions[static_cast<std::size_t>(reduction)];
}

bool removes_units_whole(const Granularity& granularity) {
  using Kind = Granularity::Kind;
  return granularity.kind == Kind::channel || granularity.kind == Kind::head || granularity.kind == Kind::layer;
}

std::string to_string(const Granularity& granularity) {
  if (granularity.kind == Kind::weight) return "weight";
  if (granularity.kind == Kind::n_of_m) return std::to_string(granularity.kept) + ":" + std::to_string(granularity.of);
  const std::string reduction = " " + std::string(to_string(granularity.reduction));
  if (granularity.kind == Kind::block)
    return "block " + std::to_string(granularity.outputs) + "x" + std::to_string(granularity.inputs) + reduction;
  for (const NamedKind& whole : kWholeUnits) {
    if (whole.kind == granularity.kind) return std::string(whole.name) + reduction;
  }
  return "";
}

}  // namespace espalier
