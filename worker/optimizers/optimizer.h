#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "experiments/stages/stage_spec.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// Turns gradients into steps. Everything is flat: one float32 tensor [parameters] each for weights and gradients.
/// Adding an optimizer is one file with make_<name> and one line in catalog/optimizers.def.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step of learning rate `lr`, in place.
  virtual void step(at::Tensor& weights, const at::Tensor& gradients, double lr) = 0;
  /// What it remembers of some weights (bool [parameters]) is as at the start: for those that were removed and grow
  /// again.
  virtual void forget(const at::Tensor& weights) = 0;
  /// What the next step depends on besides its arguments; names begin with "optimizer.". Not copies.
  virtual NamedTensors state() const = 0;
  /// Errors: ErrorKind::corrupt if the tensors are not those of this optimizer.
  virtual void load_state(const NamedTensors& state) = 0;
};

/// `weights` gives size and device. Errors: ErrorKind::invalid_input for an unknown name.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerSpec& spec, const at::Tensor& weights);

/// `one_pass`: with the loop of optimizer_kernels.h, on the CPU only; otherwise with tensor operations, on any device.
#define ESPALIER_OPTIMIZER(name, ...) \
  std::unique_ptr<Optimizer> make_##name(const OptimizerSpec& spec, const at::Tensor& weights, bool one_pass);
#include "experiments/catalog/optimizers.def"
#undef ESPALIER_OPTIMIZER

}  // namespace espalier
