#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// The operation of that name; none for a Linear layer.
const Conv2dOp* find_conv(const ModelDescription& model, const std::string& layer);

/// What each output of a layer is a product with, example by example: [N, positions, in * kernel area], the columns in
/// the order of the weight as a matrix [out, in * kernel area]. A Linear layer has one position, or one for each token;
/// a convolution (`conv` not null) one for each pixel of its output, and its input is unfolded.
at::Tensor input_rows(const at::Tensor& input, const Conv2dOp* conv);

/// Runs all batches through the network, without gradients, and shows what every prunable layer is given: `see(layer,
/// rows)` with rows [n, in * kernel area], a few examples at a time. Errors: ErrorKind::internal if there are no
/// batches; ErrorKind::invalid_input if the network does not show what its layers are given (a scripted module).
void see_inputs(const CriterionContext& context,
                const std::function<void(std::size_t layer, const at::Tensor& rows)>& see);

/// Per prunable layer, float64 [in * kernel area]: sum over all rows of x_j^2. Errors: those of see_inputs.
std::vector<at::Tensor> input_square_sums(const CriterionContext& context);

}  // namespace espalier
