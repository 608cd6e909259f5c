#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// How a convolution's window moves over its input: one number for each of the dimensions.
struct Unfolding {
  std::vector<std::int64_t> kernel, dilations, padding, strides;
  std::int64_t groups = 1;
};
/// Of a prunable layer of that name; none for a linear layer. Not of a transposed convolution.
std::optional<Unfolding> unfolding_of(const ModelDescription& model, const std::string& layer);

/// Where the examples of a value lie: in dimension `dim`, outermost there, `each` of its indices for one example.
struct ExamplesIn {
  std::int64_t dim = 0, each = 1;
};
/// Of what a prunable layer of that name is given; none where it is given the same for all examples.
std::optional<ExamplesIn> examples_given(const ModelDescription& model, const std::string& layer);

/// What each output of a group of a layer is a product with, example by example: [N, positions, in / groups * kernel
/// area], the columns in the order of the weight as a matrix. A linear layer has one position, or one for each token; a
/// convolution one for each pixel of its output, and its input is unfolded. The first dimension of the input has `each`
/// indices for an example.
at::Tensor input_rows(const at::Tensor& input, const std::optional<Unfolding>& unfolding, std::int64_t group = 0,
                      std::int64_t each = 1);

/// Runs all batches through the network, without gradients, and shows what every prunable layer is given: `see(layer,
/// group, rows)` with rows [n, in / groups * kernel area], a few examples at a time. Errors: ErrorKind::internal if
/// there are no batches; ErrorKind::invalid_input if the network does not show what its layers are given (a scripted
/// module).
void see_inputs(const CriterionContext& context,
                const std::function<void(std::size_t layer, std::int64_t group, const at::Tensor& rows)>& see);

/// Per prunable layer, float64 [groups, in / groups * kernel area]: sum over all rows of x_j^2. Errors: those of
/// see_inputs.
std::vector<at::Tensor> input_square_sums(const CriterionContext& context);

}  // namespace espalier
