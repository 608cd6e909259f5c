#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// What least squares needs to know of a layer's inputs: sums over all rows x that each of its groups is given
/// (input_rows), in float64.
struct InputProducts {
  at::Tensor products;  ///< [groups, columns, columns]: of x x^T
  at::Tensor sums;      ///< [groups, columns]: of x
  std::int64_t rows = 0;
};

/// Of these prunable layers (by their places), in one pass over all batches, with what is pruned by now. Errors: those
/// of see_inputs.
std::vector<InputProducts> input_products(const CriterionContext& context, const std::vector<std::size_t>& layers);

}  // namespace espalier
