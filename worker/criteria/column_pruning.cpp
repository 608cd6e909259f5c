#include "worker/criteria/column_pruning.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cholesky_inverse.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"

namespace espalier {
namespace {

at::Tensor cholesky(const at::Tensor& matrix, bool upper) {
  const auto [factor, info] = at::linalg_cholesky_ex(matrix, upper);
  if (info.item<std::int64_t>() != 0) {
    throw Error(ErrorKind::numeric,
                "the inputs of a layer leave its Hessian singular; use more batches, or raise the damping");
  }
  return factor;
}

/// 1 where one of the `kept` best scores of all is, per row if `by_row`.
at::Tensor mark_best(const at::Tensor& scores, std::int64_t kept, bool by_row) {
  const at::Tensor rows = by_row ? scores : scores.reshape({1, -1});
  const at::Tensor best = std::get<1>(rows.topk(kept, 1));
  return at::zeros_like(rows, at::kByte).scatter_(1, best, 1).view(scores.sizes());
}

}  // namespace

at::Tensor inverse_factor(const at::Tensor& hessian, double damping) {
  const at::NoGradGuard no_grad;
  at::Tensor damped = hessian.to(at::kDouble).clone();
  const at::Tensor diagonal = damped.diagonal();
  diagonal.add_(diagonal.eq(0));
  diagonal.add_(diagonal.mean().mul(damping));
  return cholesky(at::cholesky_inverse(cholesky(damped, false)), true);
}

PrunedColumns prune_columns(const at::Tensor& weight, const at::Tensor& surviving, const at::Tensor& factor,
                            const ColumnPruning& rules) {
  const at::NoGradGuard no_grad;
  const bool n_of_m = rules.of > 0;
  const std::int64_t columns = weight.size(1);
  // Groups do not cross blocks.
  const std::int64_t block = n_of_m ? (rules.block + rules.of - 1) / rules.of * rules.of : rules.block;
  PrunedColumns pruned{weight.to(at::kDouble).clone(), surviving.to(at::kByte).clone()};
  const auto score = [&](std::int64_t first, std::int64_t count) {
    const at::Tensor scores =
        pruned.weight.narrow(1, first, count).div(factor.diagonal().narrow(0, first, count)).square();
    return scores.masked_fill(surviving.narrow(1, first, count).eq(0), -1);
  };
  for (std::int64_t first = 0, number = 0; first < columns; first += block, ++number) {
    const std::int64_t count = std::min(block, columns - first), rest = columns - first - count;
    const at::Tensor mask = pruned.mask.narrow(1, first, count);
    if (!n_of_m) mask.mul_(mark_best(score(first, count), rules.counts.at(static_cast<std::size_t>(number)), false));
    const at::Tensor errors = at::zeros_like(pruned.weight.narrow(1, first, count));
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t column = first + i;
      if (n_of_m && i % rules.of == 0)
        mask.narrow(1, i, rules.of).mul_(mark_best(score(column, rules.of), rules.kept, true));
      const at::Tensor before = pruned.weight.select(1, column);
      const at::Tensor after = before.mul(mask.select(1, i));
      const at::Tensor error = before.sub(after).div(factor[column][column]);
      pruned.weight.narrow(1, column, count - i)
          .sub_(at::outer(error, factor.select(0, column).narrow(0, column, count - i)));
      before.copy_(after);
      errors.select(1, i).copy_(error);
    }
    if (rest > 0) {
      pruned.weight.narrow(1, first + count, rest)
          .sub_(errors.matmul(factor.narrow(0, first, count).narrow(1, first + count, rest)));
    }
  }
  return pruned;
}

std::vector<std::int64_t> counts_of_blocks(const at::Tensor& surviving, std::int64_t block, std::int64_t kept) {
  const auto all = static_cast<double>(surviving.sum(at::kLong).item<std::int64_t>());
  std::vector<std::int64_t> counts;
  std::int64_t given = 0;
  double seen = 0;
  for (const at::Tensor& part : surviving.split(block, 1)) {
    seen += static_cast<double>(part.sum(at::kLong).item<std::int64_t>());
    const std::int64_t until = all == 0 ? 0 : std::llround(std::min(static_cast<double>(kept), all) * (seen / all));
    counts.push_back(until - given);
    given = until;
  }
  return counts;
}

}  // namespace espalier
