#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/pruning/prune_scopes.h"
#include "worker/network/network.h"

namespace espalier {

/// Of a scope of granularity channel, head or layer the units that stay (1) and those that leave (0).
struct KeptUnits {
  PruneScope scope;
  Granularity granularity;
  std::vector<std::uint8_t> kept;
};

/// How far the outputs of the network without these units are from its outputs under their masks: the largest
/// difference for some examples, divided by the largest output. Both are computed in double precision, from the
/// network's weights with biases, shifts and running means moved away from 0, so that what is forgotten shows. Tensors
/// are converted and cut one at a time: beside the network a byte for each weight is held. Errors: those of
/// without_units(); ErrorKind::invalid_input if nothing of a layer is left.
double removal_difference(const Network& network, const std::vector<KeptUnits>& units);

/// Removes half of the units of every scope of granularity channel and head, chosen at random. Returns the names of
/// scopes for which removal_difference is more than 1e-6; empty where removing is what masking says. Errors: those of
/// removal_difference.
std::vector<std::string> unproven_scopes(const Network& network);

/// Removes all blocks of granularity layer (experiments/pruning/removable_blocks.h). Returns the names of those for
/// which removal_difference is more than 1e-6. Errors: those of removal_difference.
std::vector<std::string> unproven_blocks(const Network& network);

}  // namespace espalier
