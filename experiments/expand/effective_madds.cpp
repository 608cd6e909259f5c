#include "experiments/expand/effective_madds.h"

#include <algorithm>
#include <cstdint>

namespace espalier {
namespace {

/// Along one dimension of a layer's weight.
struct Slices {
  std::int64_t all = 0, gone = 0;
  double share() const { return all == 0 ? 1.0 : static_cast<double>(all - gone) / static_cast<double>(all); }
};

struct LayerSlices {
  Slices outputs, inputs;
};

}  // namespace

std::optional<double> effective_madds(const PruneTarget& target, const std::vector<PruneScope>& scopes,
                                      const std::vector<PrunableLayer>& layers) {
  if (target.layer_kept.empty()) return std::nullopt;
  std::vector<LayerSlices> of_layers(layers.size());
  for (std::size_t i = 0; i < scopes.size(); ++i) {
    if (!scopes[i].unit_of.empty()) return std::nullopt;
    for (const ScopeMember& member : scopes[i].members) {
      const auto layer = std::ranges::find(layers, member.layer, &PrunableLayer::name);
      if (layer == layers.end() || !member.goes) continue;
      LayerSlices& of_layer = of_layers[static_cast<std::size_t>(layer - layers.begin())];
      Slices& slices = member.reads() ? of_layer.inputs : of_layer.outputs;
      slices.all = member.slices(scopes[i].units);
      const std::int64_t of_units = slices.all - std::ranges::count(member.unit_of, -1);
      slices.gone += of_units / scopes[i].units * (scopes[i].units - target.layer_kept[i]);
    }
  }
  double madds = 0;
  for (std::size_t i = 0; i < layers.size(); ++i)
    madds += of_layers[i].outputs.share() * of_layers[i].inputs.share() * static_cast<double>(layers[i].madds);
  return madds;
}

}  // namespace espalier
