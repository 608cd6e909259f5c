#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/models/model_description.h"
#include "worker/machine/pulse.h"
#include "worker/network/flat_parameters.h"
#include "worker/network/named_tensors.h"
#include "worker/network/network_body.h"
#include "worker/task/task.h"

namespace espalier {

/// A model with tensors. A pruned weight is zero whenever a method returns.
class Network {
 public:
  /// Weights and biases are zero, the scales of norms one, buffers at their first values, but all of a TorchScript
  /// module as in its file; masks are one. float32, or float64 for criteria that ask for it. Errors:
  /// ErrorKind::internal if the operations do not fit together; those of make_script_body and find_task.
  Network(const ModelDescription& model, c10::Device device, c10::ScalarType type = c10::kFloat);

  const ModelDescription& description() const { return description_; }

  /// Every pass beats from now on. `pulse` outlives the network; null: none does.
  void beat_on(Pulse* pulse) { pulse_ = pulse; }
  Pulse* pulse() const { return pulse_; }

  /// [N, C, H, W] -> logits [N, classes]; of a token model, int64 [N, tokens] -> [N, tokens, classes].
  at::Tensor forward(const at::Tensor& input, const Pass& pass = {}) const;
  /// What passes in training mode draw from now on (dropout) is a function of this.
  void seed_step(std::uint64_t seed) { body_->seed_step(seed); }
  const Task& task() const { return task_; }
  /// The task's mean loss of a batch, with its graph.
  at::Tensor loss(const at::Tensor& input, const at::Tensor& labels, const Pass& pass = {}) const;
  /// What is added to a loss before it is differentiated, a scalar with its graph; undefined for nothing.
  using Penalty = std::function<at::Tensor()>;
  /// The same, detached and without the penalty; gradients() and PrunableWeight::gradient then hold the gradient of
  /// loss and penalty.
  at::Tensor loss_and_gradients(const at::Tensor& input, const at::Tensor& labels, Mode mode,
                                const Penalty& penalty = {});

  /// Flat [parameters]. Call apply_masks() after writing to them.
  at::Tensor& parameters() { return flat_.values; }
  const at::Tensor& gradients() const { return flat_.gradients; }
  /// Sets pruned parameters to zero.
  void apply_masks();

  const std::vector<PrunableWeight>& prunable() const { return flat_.prunable; }
  const std::vector<Parameter>& named() const { return flat_.parameters; }
  const std::vector<Buffer>& buffers() const { return flat_.buffers; }

  /// Copies in all parameters and buffers. Errors: ErrorKind::corrupt for one that is missing or has another shape.
  void set_weights(const NamedTensors& weights);
  /// Copies of all parameters, then of all buffers, by name.
  NamedTensors weights() const;
  /// Masks by the names of the parameters they cover, uint8: all prunable weights, and of others those that a structure
  /// removes with them (shifts and scales of norms, biases). Errors: as set_weights.
  void set_masks(const NamedTensors& masks);
  /// Masks of all prunable weights, and of other parameters where something is removed; uint8.
  NamedTensors masks() const;
  bool masked() const { return masked_; }

 private:
  ModelDescription description_;
  const Task& task_;
  FlatParameters flat_;
  std::unique_ptr<NetworkBody> body_;
  bool masked_ = false;
  Pulse* pulse_ = nullptr;
};

}  // namespace espalier
