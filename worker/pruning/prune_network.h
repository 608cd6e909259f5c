#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/stages/outcome.h"
#include "experiments/stages/stage_spec.h"
#include "worker/data/prune_batches.h"
#include "worker/network/network.h"

namespace espalier {

/// What a prune left. The network it was asked of has these masks (and weights) set.
struct Pruned {
  NamedTensors masks;
  std::vector<LayerCount> layers;
  std::vector<std::string> emptied;  ///< layers of which nothing is left
};

struct PruneOrder {
  const PruneSpec& spec;
  const PruneTarget& target;
  std::uint64_t seed = 0;
  bool has_weights = false;  ///< false: the network's weights are zeros, and only criteria that use none are allowed
  const PruneBatches& batches;
};

/// Scores, selects and masks: the one way to prune, between stages, inside a training or to try something out. A
/// criterion with an option `rounds` is asked that many times, the counts falling geometrically, kept_r = ceil(S (K /
/// S)^(r / R)) from the S units that survive to the K that are wanted (Tanaka et al. 2020, arXiv:2006.05467, algorithm
/// 1), each round with the masks of the one before; with an option `density` d above 0, kept_r = S - floor((1 - d^(r /
/// R)) S), as the authors' code counts. A criterion that repairs weights changes those of the network.
/// Errors: those of prune_scopes, select_kept and the criteria; ErrorKind::numeric naming the layers if some were
/// emptied and the spec refuses that.
Pruned prune_network(Network& network, const PruneOrder& order);

/// A scope with some of its units removed, and all else as it was.
struct PrunedAlone {
  std::string scope;
  std::int64_t units = 0;
  std::int64_t kept = 0;  ///< units
  double sparsity = 0;    ///< asked for
  NamedTensors masks;
};

/// Hands `visit` each scope alone at each sparsity (the fraction of its units removed; 0 for none), in the order of
/// both, with the masks that prune_network would give the scope for that count; `order.target` is not used. The network
/// is scored once, whatever rounds the criterion has, and is left as it was. What `visit` does to masks and weights it
/// undoes. Errors: as prune_network; ErrorKind::invalid_input for a criterion that repairs weights, and for n:m, which
/// has no other sparsity than its own.
void prune_each_alone(Network& network, const PruneOrder& order, const std::vector<double>& sparsities,
                      const std::function<void(const PrunedAlone&)>& visit);

/// The units of each scope that are left, in the order of the scopes.
std::vector<std::int64_t> surviving_units(Network& network, const PruneOrder& order);

}  // namespace espalier
