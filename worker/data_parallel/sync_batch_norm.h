#pragma once

#include <ATen/core/Tensor.h>

#include "worker/data_parallel/gang.h"

namespace espalier {

/// A batch norm's parameters, each float32 [C].
struct NormTensors {
  at::Tensor scale, shift;
  at::Tensor running_mean, running_variance;
};

/// Batch norm in training over the whole batch of a gang, of which `x` [n, C, H, W] is this member's slice (n may be
/// 0). With the mean m and the variance v, by channel, of the N values that all members hold:
///     y = scale (x - m) / sqrt(v + epsilon) + shift
/// and for g = dL/dy, with the sums over all N values,
///     dL/dx = scale / sqrt(v + epsilon) (g - sum(g) / N - x^ sum(g x^) / N),   x^ = (x - m) / sqrt(v + epsilon)
/// (Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1 and section 3; batch-norm statistics across devices: Peng et
/// al. 2018, "MegDet", arXiv:1711.07240, section 3.3). The gradients of scale and shift are the slice's own: their sum
/// over the members is that of the batch. The running statistics move towards m and the unbiased v by `momentum`,
/// alike on every member. Collective, forward and backward.
at::Tensor sync_batch_norm(const at::Tensor& x, const NormTensors& norm, double momentum, double epsilon, Gang& gang);

}  // namespace espalier
