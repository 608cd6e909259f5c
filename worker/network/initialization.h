#pragma once

#include <cstdint>

#include "experiments/stages/stage_spec.h"
#include "worker/network/network.h"

namespace espalier {

/// Draws fresh parameters: weights from a normal distribution of mean 0, biases zero. With the fans in = inputs of a
/// unit (times the kernel's area) and out = units that an input feeds (times the area):
///   glorot_normal:  std = sqrt(2 / (in + out))  (Glorot & Bengio 2010, PMLR 9:249, eq. 16, as a normal distribution)
///   kaiming_normal: std = sqrt(2 / in)          (He et al. 2015, arXiv:1502.01852, eq. 10)
///   as_scripted:    what the model's file holds
/// Of a model from a file only the weights of layers are drawn, everything else stays as in the file.
/// Drawn on the CPU from RandomStream(seed, spec.stream, index of the parameter), so it depends on no library's
/// generator. Errors: ErrorKind::invalid_input for an unknown scheme.
void initialize(Network& network, const InitSpec& spec, std::uint64_t seed);

}  // namespace espalier
