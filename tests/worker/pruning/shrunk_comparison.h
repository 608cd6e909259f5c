#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "experiments/catalog/granularity.h"
#include "worker/network/network.h"

namespace espalier {

/// A drawn network whose biases, shifts and scales are not what they begin with.
Network drawn_network(const ModelDescription& model, c10::ScalarType type);

/// Each unit leaves with the same probability, but one of a scope does leave, and one stays, of blocks perhaps none.
/// Further masks come to those that there are.
void remove_units_at_random(Network& network, Granularity::Kind kind, double fraction, std::uint64_t seed);
/// A part of the weights besides.
void mask_weights_at_random(Network& network, double fraction);

at::Tensor random_examples(const ModelDescription& model, c10::ScalarType type);

/// The smaller network beside the masked one: outputs, loss, gradients, running statistics, each to its tolerance as a
/// part of the largest; and the weights that results count. In single precision a sum next to zero may round to the
/// other side of a ReLU, which gradients see.
void expect_equal_when_shrunk(Network& whole, double tolerance, double of_gradients);

}  // namespace espalier
