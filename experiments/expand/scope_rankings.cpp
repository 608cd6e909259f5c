#include "experiments/expand/scope_rankings.h"

#include <map>
#include <numeric>

namespace espalier {

std::vector<ScopeRanking> scope_rankings(const std::vector<PruneScope>& scopes,
                                         const std::vector<std::optional<double>>& ratios,
                                         const std::vector<std::size_t>& competes) {
  std::vector<ScopeRanking> rankings;
  std::map<std::size_t, std::size_t> places;
  for (std::size_t i = 0; i < scopes.size(); ++i) {
    std::size_t place = rankings.size();
    if (!ratios[i] && !competes.empty()) place = places.try_emplace(competes[i], place).first->second;
    if (place == rankings.size()) rankings.push_back({scopes[i].name, {}, 0, ratios[i]});
    rankings[place].scopes.push_back(i);
    rankings[place].units += scopes[i].units;
  }
  for (ScopeRanking& ranking : rankings) {
    if (competes.empty() || ranking.ratio) continue;
    if (rankings.size() == 1) {
      ranking.name = "the network";
    } else if (places.size() == 1) {
      ranking.name = "the layers without a ratio";
    } else if (ranking.scopes.size() > 1) {
      ranking.name += " and the layers built alike";
    }
  }
  return rankings;
}

std::string_view units_word(Granularity::Kind kind) {
  using Kind = Granularity::Kind;
  switch (kind) {
    case Kind::block:
    case Kind::layer:
      return "blocks";
    case Kind::row:
      return "rows";
    case Kind::filter:
      return "filters";
    case Kind::channel:
      return "channels";
    case Kind::head:
      return "heads";
    default:
      return "weights";
  }
}

std::int64_t sum_of(const std::vector<std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

}  // namespace espalier
