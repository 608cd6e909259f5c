#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace espalier {

struct ColumnPruning {
  std::int64_t block = 128;               ///< columns whose weights are chosen together
  std::int64_t kept = 0, of = 0;          ///< n:m: of every `of` columns of a row the `kept` best stay; 0: counts
  std::vector<std::int64_t> counts = {};  ///< weights that stay in each block of columns; not with n:m
};

struct PrunedColumns {
  at::Tensor weight;  ///< float64 [rows, columns]
  at::Tensor mask;    ///< uint8, 1 kept
};

/// U of the damped Hessian's inverse U^T U, upper triangular, float64. H [columns, columns]; its mean diagonal times
/// `damping` is added. Columns without input (H_jj = 0) get H_jj = 1. Errors: ErrorKind::numeric if it is singular.
at::Tensor inverse_factor(const at::Tensor& hessian, double damping);

/// Frantar & Alistarh 2023, arXiv:2301.00774, algorithm 1: goes through the columns once; of a block the weights with
/// the largest w^2 / U_jj^2 stay, and what a removed weight did is made up for by the columns after it. What is 0 in
/// `surviving` (uint8 [rows, columns]) is removed whatever the counts.
PrunedColumns prune_columns(const at::Tensor& weight, const at::Tensor& surviving, const at::Tensor& factor,
                            const ColumnPruning& rules);

/// `kept` spread over blocks of columns in proportion to what survives there; the sum is `kept`.
std::vector<std::int64_t> counts_of_blocks(const at::Tensor& surviving, std::int64_t block, std::int64_t kept);

}  // namespace espalier
