#include "experiments/expand/effective_madds.h"

#include <algorithm>

namespace espalier {

std::optional<double> effective_madds(const PruneTarget& target, const std::vector<PruneScope>& scopes,
                                      const std::vector<PrunableLayer>& layers) {
  if (target.layer_kept.empty()) return std::nullopt;
  std::vector<double> shares(layers.size(), 1.0);
  for (std::size_t i = 0; i < scopes.size(); ++i) {
    if (!scopes[i].unit_of.empty()) return std::nullopt;
    const double share = static_cast<double>(target.layer_kept[i]) / static_cast<double>(scopes[i].units);
    const bool heads = std::ranges::any_of(scopes[i].members, [](const ScopeMember& member) {
      return member.part == ScopeMember::Part::outputs && member.layer.ends_with(".q");
    });
    for (const ScopeMember& member : scopes[i].members) {
      const auto layer = std::ranges::find(layers, member.layer, &PrunableLayer::name);
      if (layer == layers.end() || (member.reads() && !heads)) continue;
      shares[static_cast<std::size_t>(layer - layers.begin())] = share;
    }
  }
  double madds = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) madds += shares[i] * static_cast<double>(layers[i].madds);
  return madds;
}

}  // namespace espalier
