#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// How a convolution's window moves over its input: one number for each of two dimensions.
struct Unfolding {
  std::vector<std::int64_t> kernel, dilations, padding, strides;
};
/// Of a prunable layer of that name; none for a linear layer.
std::optional<Unfolding> unfolding_of(const ModelDescription& model, const std::string& layer);

/// What each output of a layer is a product with, example by example: [N, positions, in * kernel area], the columns in
/// the order of the weight as a matrix [out, in * kernel area]. A linear layer has one position, or one for each token;
/// a convolution one for each pixel of its output, and its input is unfolded.
at::Tensor input_rows(const at::Tensor& input, const std::optional<Unfolding>& unfolding);

/// Runs all batches through the network, without gradients, and shows what every prunable layer is given: `see(layer,
/// rows)` with rows [n, in * kernel area], a few examples at a time. Errors: ErrorKind::internal if there are no
/// batches; ErrorKind::invalid_input if the network does not show what its layers are given (a scripted module).
void see_inputs(const CriterionContext& context,
                const std::function<void(std::size_t layer, const at::Tensor& rows)>& see);

/// Per prunable layer, float64 [in * kernel area]: sum over all rows of x_j^2. Errors: those of see_inputs.
std::vector<at::Tensor> input_square_sums(const CriterionContext& context);

}  // namespace espalier
