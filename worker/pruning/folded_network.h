#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"
#include "experiments/pruning/shrink.h"
#include "worker/network/named_tensors.h"
#include "worker/network/network.h"

namespace espalier {

/// Units of a scope that have lost the weights of a layer, but stay in the network.
struct StayingUnits {
  std::string scope;
  std::vector<std::int64_t> units;
  std::string reason;
};
/// "3 units of conv1 stay masked: conv2 would add different numbers at different places, with its padding of 1 x 1"
std::string to_string(const StayingUnits& staying);

/// A network for inference alone, smaller than ShrunkNetwork: units leave too that still send something on (a norm's
/// shift, a bias, an activation that is not zero at zero), which is one number, added to the biases of the layers that
/// read it.
struct FoldedNetwork {
  std::shared_ptr<const OperatorGraph> graph;
  NamedTensors tensors;             ///< of its parameters and buffers, in its order; on the CPU
  std::vector<KeptTensor> kept;     ///< of each, what of the original is left; all of a bias that the original lacks
  std::vector<std::string> folded;  ///< biases that hold such numbers, and are no part of the original's
  std::vector<StayingUnits> staying;
};

/// `tensors` are a network's parameters and buffers, pruned ones zero, `masks` uint8 by the names of parameters. A unit
/// leaves if its masks keep nothing (removed_units.h), or if its layers have no weights left and all that reads it is
/// given the same number of it for every example and place, and would add the same number to every place of its output:
/// beside zeros of a padding it would not. Such numbers are those of a pass in double precision. Trained on, the
/// network would differ from the original, whose norms go on. Errors: ErrorKind::internal, naming the scopes, if it
/// computes something else in double precision (by more than 1e-9 of the largest output); those of without_units.
FoldedNetwork folded_network(const OperatorGraph& graph, const NamedTensors& tensors, const NamedTensors& masks);

/// The same of a network with a graph, and a network that computes it, of the same device and type, without masks.
FoldedNetwork folded_network(const Network& whole);
Network network_of(const FoldedNetwork& folded, const Network& whole);

}  // namespace espalier
