#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "experiments/models/model_description.h"
#include "experiments/pruning/prune_scopes.h"
#include "worker/jobs/stages.h"
#include "worker/pruning/network_paths.h"
#include "worker/pruning/scope_units.h"
#include "worker/selection/group_selection.h"
#include "worker/selection/mask_stream.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;
using Bytes = std::vector<std::uint8_t>;

/// One network's masks, unit by unit, while they are moved about.
class MaskShuffle {
 public:
  MaskShuffle(const ShuffleSpec& spec, Network& network, std::uint64_t seed)
      : network_(network),
        seed_(seed),
        stream_(mask_stream(spec.draw)),
        granularity_(parse_granularity(spec.granularity)),
        scopes_(prune_scopes(network.description(), granularity_, spec.protect)) {
    for (const PruneScope& scope : scopes_) kept_.push_back(units_left(scope, granularity_, network));
  }

  void within_scopes() {
    for (std::size_t scope = 0; scope < kept_.size(); ++scope) {
      if (granularity_.kind == Kind::n_of_m) {
        kept_[scope] = other_groups(scope);
      } else {
        move_units(kept_[scope], RandomStream(seed_, stream_, scope));
      }
    }
  }

  /// Units of one size change places among themselves: as many units stay, and as many weights. `sizes`: by scope, of
  /// each unit.
  void among_equals(const std::vector<std::vector<float>>& sizes) {
    std::map<float, std::vector<std::uint8_t*>> units;
    for (std::size_t scope = 0; scope < kept_.size(); ++scope) {
      for (std::size_t unit = 0; unit < kept_[scope].size(); ++unit)
        units[sizes[scope][unit]].push_back(&kept_[scope][unit]);
    }
    std::uint64_t index = 0;
    for (const auto& [size, places] : units) {
      Bytes bytes;
      for (const std::uint8_t* place : places) bytes.push_back(*place);
      move_units(bytes, RandomStream(seed_, stream_ + "_sized", index++));
      for (std::size_t i = 0; i < places.size(); ++i) *places[i] = bytes[i];
    }
  }

  void across_scopes() {
    Bytes all;
    for (const Bytes& kept : kept_) all.insert(all.end(), kept.begin(), kept.end());
    RandomStream(seed_, stream_ + "_across").shuffle(all);
    auto next = all.begin();
    for (Bytes& kept : kept_) {
      std::copy_n(next, kept.size(), kept.begin());
      next += static_cast<std::ptrdiff_t>(kept.size());
    }
  }

  NamedTensors masks() const {
    NamedTensors masks = network_.masks();
    for (std::size_t scope = 0; scope < scopes_.size(); ++scope) {
      mask_units(scopes_[scope], granularity_, network_, kept_[scope], true, masks);
    }
    return masks;
  }

 private:
  /// Of few units, a permutation may be the identity: it is drawn again then, for a control that is the method is none.
  static void move_units(Bytes& kept, RandomStream random) {
    const Bytes before = kept;
    const bool mixed = std::ranges::count(kept, 0) % static_cast<std::ptrdiff_t>(kept.size()) != 0;
    do random.shuffle(kept);
    while (mixed && kept == before);
  }

  /// Weights of one group change places among themselves, so that n of m stay in each.
  Bytes other_groups(std::size_t scope) const {
    const PrunableWeight& layer = layer_of(scopes_[scope], network_);
    RandomStream random(seed_, stream_, scope);
    std::vector<float> drawn(kept_[scope].size());
    for (float& score : drawn) score = static_cast<float>(random.uniform());
    return select_n_of_m({layer.layer, drawn, {}}, layer.mask.sizes(), granularity_.kept, granularity_.of);
  }

  Network& network_;
  const std::uint64_t seed_;
  const std::string stream_;
  const Granularity granularity_;
  const std::vector<PruneScope> scopes_;
  std::vector<Bytes> kept_;  // per scope, one byte a unit
};

/// Weights of each unit, by scope, of a network that has lost none.
std::vector<std::vector<float>> unit_sizes(const Network& whole, const ShuffleSpec& spec) {
  Granularity granularity = parse_granularity(spec.granularity);
  granularity.reduction = Reduction::sum;
  Scores ones;
  for (const PrunableWeight& layer : whole.prunable()) ones.push_back(layer.mask);
  std::vector<std::vector<float>> sizes;
  for (const PruneScope& scope : prune_scopes(whole.description(), granularity, spec.protect))
    sizes.push_back(score_units(scope, granularity, whole, ones).scores);
  return sizes;
}

}  // namespace

bool run_shuffle_stage(const StageContext& context, StageOutcome& outcome) {
  const ShuffleSpec spec = parse_spec<ShuffleSpec>(context.stage.spec);
  const NamedTensors given = context.needed_input(InputRole::masks);
  Network network = context.network(spec.model);
  std::vector<std::vector<float>> sizes;
  if (spec.equal_sizes) sizes = unit_sizes(network, spec);
  network.set_masks(given);
  MaskShuffle shuffle(spec, network, context.stage.seed);
  if (spec.equal_sizes) {
    shuffle.among_equals(sizes);
  } else if (spec.across_layers) {
    shuffle.across_scopes();
  } else {
    shuffle.within_scopes();
  }
  std::vector<std::int64_t> before;
  for (const PrunableWeight& layer : network.prunable())
    before.push_back(layer.mask.sum(at::kLong).item<std::int64_t>());
  network.set_masks(shuffle.masks());
  for (std::size_t i = 0; i < before.size(); ++i) {
    const PrunableWeight& layer = network.prunable()[i];
    const auto kept = layer.mask.sum(at::kLong).item<std::int64_t>();
    outcome.layers.push_back({layer.layer, layer.mask.numel(), spec.across_layers ? -1 : before[i], kept});
  }
  report_masks(network, outcome);
  context.leave(network.masks(), InputRole::masks, outcome);
  return true;
}

}  // namespace espalier
