#include "worker/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/error.h"

namespace espalier {
namespace {

struct Entry {
  double score;
  std::size_t index;
};

std::vector<Entry> survivors_of(const ScoredLayer& layer) {
  std::vector<Entry> entries;
  entries.reserve(static_cast<std::size_t>(count_survivors(std::span(&layer, 1))));
  for (std::size_t i = 0; i < layer.scores.size(); ++i) {
    if (!layer.surviving.empty() && !layer.surviving[i]) continue;
    if (std::isnan(layer.scores[i])) refuse_nan("weight", i, layer.name);
    entries.push_back({static_cast<double>(layer.scores[i]), i});
  }
  return entries;
}

}  // namespace

std::vector<float> lamp_scores(const ScoredLayer& layer) {
  std::vector<Entry> entries = survivors_of(layer);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.score > b.score || (a.score == b.score && a.index > b.index);
  });
  if (!entries.empty() && entries.back().score < 0) {
    throw Error(ErrorKind::invalid_input, "lamp compares squares, and scores of layer " + layer.name +
                                              " are negative; choose a criterion whose scores are not");
  }
  std::vector<float> scores(layer.scores.size(), 0.0F);
  double sum = 0;
  for (const Entry& entry : entries) {
    sum += entry.score * entry.score;
    if (sum > 0) scores[entry.index] = static_cast<float>(entry.score * entry.score / sum);
  }
  if (!entries.empty()) scores[entries.front().index] = 1;  // also where all are 0
  return scores;
}

std::vector<float> normalized_scores(const ScoredLayer& layer) {
  const std::vector<Entry> entries = survivors_of(layer);
  double squares = 0;
  for (const Entry& entry : entries) squares += entry.score * entry.score;
  const double norm = std::sqrt(squares) + 1e-8;
  std::vector<float> scores(layer.scores.size(), 0.0F);
  for (const Entry& entry : entries) scores[entry.index] = static_cast<float>(entry.score / norm);
  return scores;
}

}  // namespace espalier
