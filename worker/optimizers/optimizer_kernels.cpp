#include "worker/optimizers/optimizer_kernels.h"

#include <cmath>

// The compiler vectorizes these loops; on x86-64 it does so three times, and the loader picks the widest that the
// processor has. Sanitizers start too late for that choice.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define ESPALIER_FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ESPALIER_FOR_EACH_PROCESSOR
#endif

namespace espalier {

ESPALIER_FOR_EACH_PROCESSOR
void sgd_step(float* __restrict weights, float* __restrict velocity, const float* __restrict gradients,
              std::size_t count, SgdCoefficients c) {
  const float ahead = c.nesterov ? c.momentum : 1.0F;
  const float now = c.nesterov ? 1.0F : 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradients[i] + c.decay * weights[i];
    const float v = c.momentum * velocity[i] + g;
    velocity[i] = v;
    weights[i] -= c.lr * (now * g + ahead * v);
  }
}

ESPALIER_FOR_EACH_PROCESSOR
void adam_step(float* __restrict weights, float* __restrict first, float* __restrict second,
               const float* __restrict gradients, std::size_t count, AdamCoefficients c) {
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradients[i] + c.decay * weights[i];
    const float m = c.beta1 * first[i] + c.one_minus_beta1 * g;
    const float v = c.beta2 * second[i] + c.one_minus_beta2 * g * g;
    first[i] = m;
    second[i] = v;
    weights[i] -= c.step_size * m / (std::sqrt(v) / c.sqrt_correction + c.epsilon);
  }
}

}  // namespace espalier
