#pragma once

#include <ATen/core/Tensor.h>

#include "worker/network/network.h"

namespace espalier {

/// On the CPU, with weights as a training begins with, and biases, shifts and running statistics of about 0.15: at zero
/// they would not be missed.
Network drawn_network(const ModelDescription& model, c10::ScalarType type);

/// Two images, normally distributed.
at::Tensor some_examples(const ModelDescription& model, c10::ScalarType type);

}  // namespace espalier
