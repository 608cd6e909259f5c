#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// Shows the gradient of each example's own loss (Task::example_losses) in evaluate mode: `see(layer, first,
/// gradients)` with gradients [n, out, in * kernel area] of the examples first .. first + n - 1 of the batch, a few at
/// a time, layer by layer. One pass forward and one back: an example's gradient is the product of the gradient of a
/// layer's output and of its input (Goodfellow 2015, arXiv:1510.01799). Of a network that does not show these (a
/// scripted module), that uses a weight twice, or has transposed convolutions, each example is a pass of its own.
void see_example_gradients(
    const Network& network, const Batch& batch,
    const std::function<void(std::size_t layer, std::int64_t first, const at::Tensor& gradients)>& see);

/// Per prunable layer, of the weight's shape: the mean over all examples of the square of dL_i/dw, L_i the example's
/// loss; the diagonal of the empirical Fisher information. Errors: ErrorKind::internal if there are no batches.
std::vector<at::Tensor> fisher_diagonal(const CriterionContext& context);

}  // namespace espalier
