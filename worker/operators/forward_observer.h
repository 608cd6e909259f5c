#pragma once

#include <string>

#include <ATen/core/Tensor.h>

namespace espalier {

/// Observer of a network's forward pass: criteria that use activations derive from it. Called on the thread of
/// forward(), in the order of computation; the tensors are those that the network goes on with and are not to be
/// written to.
class ForwardObserver {
 public:
  virtual ~ForwardObserver() = default;
  /// What a Linear or Conv layer is given: [N, in], [N, tokens, in] or [N, in, H, W].
  virtual void on_layer_input(const std::string& /*layer*/, const at::Tensor& /*input*/) {}
  /// What it gives: the last dimension, or of [N, C, H, W] the second, is its outputs.
  virtual void on_layer_output(const std::string& /*layer*/, const at::Tensor& /*output*/) {}
  /// What a named ReLU gives: [N, C, H, W] or [N, C].
  virtual void on_relu(const std::string& /*relu*/, const at::Tensor& /*output*/) {}
  /// What a batch norm is given: [N, C, ...].
  virtual void on_batch_norm(const std::string& /*norm*/, const at::Tensor& /*input*/) {}
  /// What the heads of an attention give, before its layer o: [N, tokens, heads, width / heads].
  virtual void on_heads(const std::string& /*attention*/, const at::Tensor& /*output*/) {}
  /// What a block is given and what it gives.
  virtual void on_block(const std::string& /*block*/, const at::Tensor& /*input*/, const at::Tensor& /*output*/) {}
};

}  // namespace espalier
