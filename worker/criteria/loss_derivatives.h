#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// d of / dw per prunable weight; with `graph` they can be differentiated again (and `of` too). What `of` does not
/// depend on gets zeros.
std::vector<at::Tensor> weight_derivatives(const Network& network, const at::Tensor& of, bool graph = false);

/// The mean over batches of f(w * g), g = dL/dw of one batch. Errors: those of mean_gradients.
Scores mean_of_products(const CriterionContext& context, const std::function<at::Tensor(const at::Tensor&)>& f);

/// One score per output, as scores of all its weights: of the weight's shape.
at::Tensor spread_over_outputs(const at::Tensor& per_output, const PrunableLayer& layer);
/// A weight, or its mask, as rows [out, in / groups * kernel area].
at::Tensor rows_of_outputs(const at::Tensor& weight, const PrunableLayer& layer);

/// The same network with float64 tensors and the same masks.
Network in_float64(const Network& network);

/// Puts parameters and buffers back when it ends, whatever was written to them.
class KeptWeights {
 public:
  explicit KeptWeights(Network& network);
  ~KeptWeights();
  KeptWeights(const KeptWeights&) = delete;
  KeptWeights& operator=(const KeptWeights&) = delete;

 private:
  Network& network_;
  at::Tensor parameters_;
  std::vector<at::Tensor> buffers_;
};

}  // namespace espalier
