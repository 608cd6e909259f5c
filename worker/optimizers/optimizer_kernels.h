#pragma once

#include <cstddef>

namespace espalier {

// Optimizer steps on the CPU: one pass over flat float arrays of `count` elements, all values of an element read and
// written once. Arrays do not overlap.

/// torch.optim.SGD: g += decay * w; v = momentum * v + g; w -= lr * (nesterov ? g + momentum * v : v).
struct SgdCoefficients {
  float lr, momentum, decay;
  bool nesterov;
};
void sgd_step(float* weights, float* velocity, const float* gradients, std::size_t count, SgdCoefficients coefficients);

/// torch.optim.Adam: g += decay * w; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
/// w -= step_size * m / (sqrt(v) / sqrt_correction + epsilon), where step_size = lr / (1 - beta1^t) and
/// sqrt_correction = sqrt(1 - beta2^t).
struct AdamCoefficients {
  float beta1, beta2, one_minus_beta1, one_minus_beta2, step_size, sqrt_correction, epsilon, decay;
};
void adam_step(float* weights, float* first, float* second, const float* gradients, std::size_t count,
               AdamCoefficients coefficients);

}  // namespace espalier
