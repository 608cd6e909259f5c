#include "worker/selection/ranking.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {
namespace {

template <typename Visit>
void for_each_survivor(const ScoredLayer& layer, Visit visit) {
  for (std::size_t i = 0; i < layer.scores.size(); ++i) {
    if (layer.surviving.empty() || layer.surviving[i]) visit(i, layer.scores[i]);
  }
}

void check(const ScoredLayer& layer) {
  count_survivors(std::span(&layer, 1));
  require_no_nan(std::span(&layer, 1), "weight");
}

/// Numbers without a sign order as their bits do: one key holds (score, index).
std::uint64_t key_of(std::size_t index, float score) {
  return std::uint64_t{std::bit_cast<std::uint32_t>(score + 0.0F)} << 32U | index;
}

}  // namespace

std::vector<float> lamp_scores(const ScoredLayer& layer) {
  check(layer);
  if (layer.scores.size() > UINT32_MAX)
    throw Error(ErrorKind::internal, "layer " + layer.name + " has more weights than 32 bits can count");
  std::vector<std::uint64_t> order;
  for_each_survivor(layer, [&](std::size_t i, float score) {
    if (score < 0) {
      throw Error(ErrorKind::invalid_input, "lamp compares squares, and scores of layer " + layer.name +
                                                " are negative; choose a criterion whose scores are not");
    }
    order.push_back(key_of(i, score));
  });
  std::sort(order.begin(), order.end(), std::greater<>());
  std::vector<float> scores(layer.scores.size(), 0.0F);
  double sum = 0;
  for (const std::uint64_t key : order) {
    const auto index = static_cast<std::size_t>(key & UINT32_MAX);
    const auto score = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32U)));
    sum += score * score;
    if (sum > 0) scores[index] = static_cast<float>(score * score / sum);
  }
  if (!order.empty()) scores[static_cast<std::size_t>(order.front() & UINT32_MAX)] = 1;  // also where all are 0
  return scores;
}

std::vector<float> normalized_scores(const ScoredLayer& layer) {
  check(layer);
  double squares = 0;
  for_each_survivor(
      layer, [&](std::size_t, float score) { squares += static_cast<double>(score) * static_cast<double>(score); });
  const double norm = std::sqrt(squares) + 1e-8;
  std::vector<float> scores(layer.scores.size(), 0.0F);
  for_each_survivor(
      layer, [&](std::size_t i, float score) { scores[i] = static_cast<float>(static_cast<double>(score) / norm); });
  return scores;
}

const RankingRule& find_ranking(std::string_view name) {
  static constexpr RankingRule kRules[] = {{""},
                                           {.name = "lamp", .comparable = lamp_scores},
                                           {.name = "normalized", .comparable = normalized_scores},
                                           {.name = "per_row", .by_row = true}};
  std::vector<std::string> choices;
  for (const RankingRule& rule : kRules) {
    if (rule.name == name) return rule;
    if (!rule.name.empty()) choices.emplace_back(rule.name);
  }
  throw Error(ErrorKind::invalid_input, "ranking: " + unknown_name(name, choices));
}

}  // namespace espalier
