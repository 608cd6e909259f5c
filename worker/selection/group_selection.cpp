#include "worker/selection/group_selection.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace espalier {
namespace {

struct Member {
  float score;
  std::size_t index;
};

/// The number of others that go before it, so that those with fewer than n stay. `first` and `last` order equals;
/// with `keep` no equal goes before another, with `drop` each does before the others.
std::size_t ahead_of(std::size_t place, std::span<const Member> group, Ties ties) {
  std::size_t ahead = 0;
  for (std::size_t other = 0; other < group.size(); ++other) {
    if (group[other].score > group[place].score) ++ahead;
    if (other == place || group[other].score != group[place].score) continue;
    ahead += ties == Ties::drop || (ties == Ties::first && other < place) || (ties == Ties::last && other > place);
  }
  return ahead;
}

}  // namespace

std::vector<std::uint8_t> select_n_of_m(const ScoredLayer& layer, std::span<const std::int64_t> shape, std::int64_t n,
                                        std::int64_t m, const SelectionRules& rules) {
  const std::int64_t inputs = shape.size() > 1 ? shape[1] : 0;
  if (n < 1 || m <= n || inputs == 0 || inputs % m != 0) {
    throw Error(ErrorKind::invalid_input, "layer " + layer.name + " has " + std::to_string(inputs) +
                                              " inputs, which do not divide into groups of " + std::to_string(m) +
                                              " to keep " + std::to_string(n) + " of");
  }
  count_survivors(std::span(&layer, 1));  // checks the sizes
  std::size_t stride = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) stride *= static_cast<std::size_t>(shape[i]);
  const auto size = static_cast<std::size_t>(m);
  if (layer.scores.size() != static_cast<std::size_t>(shape[0] * inputs) * stride)
    throw Error(ErrorKind::internal, "the scores of layer " + layer.name + " do not fit its shape");

  std::vector<std::uint8_t> mask(layer.scores.size(), 0);
  std::vector<Member> group;
  for (std::size_t first = 0; first < mask.size(); first += size * stride) {
    for (std::size_t position = first; position < first + stride; ++position) {
      group.clear();
      for (std::size_t i = position; i < position + size * stride; i += stride) {
        if (!rules.revive && !layer.surviving.empty() && !layer.surviving[i]) continue;
        if (std::isnan(layer.scores[i])) refuse_nan(rules.unit, i, layer.name);
        group.push_back({layer.scores[i], i});
      }
      for (std::size_t place = 0; place < group.size(); ++place)
        mask[group[place].index] = ahead_of(place, group, rules.ties) < static_cast<std::size_t>(n);
    }
  }
  return mask;
}

std::vector<std::uint8_t> select_per_row(const ScoredLayer& layer, std::int64_t rows, std::int64_t kept,
                                         const SelectionRules& rules) {
  if (rows <= 0 || layer.scores.size() % static_cast<std::size_t>(rows) != 0)
    throw Error(ErrorKind::internal, "layer " + layer.name + " does not divide into " + std::to_string(rows) + " rows");
  if (kept < 0 || kept % rows != 0) {
    throw Error(ErrorKind::invalid_input, std::to_string(kept) + " " + std::string(rules.unit) + "s of layer " +
                                              layer.name + " cannot be kept alike in each of its " +
                                              std::to_string(rows) + " rows");
  }
  count_survivors(std::span(&layer, 1));  // checks the sizes
  const std::size_t width = layer.scores.size() / static_cast<std::size_t>(rows);
  PruneTarget target;
  target.layer_kept = {kept / rows};
  target.total_kept = kept / rows;
  std::vector<std::uint8_t> mask;
  mask.reserve(layer.scores.size());
  for (std::size_t first = 0; first < layer.scores.size(); first += width) {
    const ScoredLayer row{layer.name + " (row " + std::to_string(first / width) + ")",
                          layer.scores.subspan(first, width),
                          layer.surviving.empty() ? layer.surviving : layer.surviving.subspan(first, width)};
    const KeepMasks selected = select_kept({row}, target, rules);
    mask.insert(mask.end(), selected[0].begin(), selected[0].end());
  }
  return mask;
}

}  // namespace espalier
