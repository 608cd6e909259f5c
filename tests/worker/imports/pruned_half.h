#pragma once

#include <string>
#include <vector>

#include "worker/imports/removal_proof.h"

namespace espalier {

/// How far the network is from what another program computed: FILE.output for FILE.input, float32 numbers of the
/// machine. The largest difference, divided by the largest output.
double difference_from_saved(const Network& network, const std::string& file);

/// Removes half of the channels of every layer by magnitude, as a sweep does, and says which.
std::vector<KeptUnits> prune_half(Network& network);

/// Masks each channel and head with probability a half, but the first of a layer.
void mask_half(Network& network);

}  // namespace espalier
