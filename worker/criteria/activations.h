#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include "worker/criteria/criterion.h"

namespace espalier {

/// Of one named ReLU, over all batches and positions; float64 [channels].
struct ActivationSums {
  at::Tensor zeros;  ///< how many outputs are exactly zero
  at::Tensor sum;
  std::int64_t count = 0;  ///< outputs of a channel
};

/// By the ReLUs' names. Errors: ErrorKind::internal if there are no batches.
std::map<std::string, ActivationSums> activation_sums(const CriterionContext& context);

/// f(sums) per channel of the ReLU that takes a layer's outputs, as scores; undefined where a layer has none.
Scores activation_scores(const CriterionContext& context, at::Tensor (*f)(const ActivationSums& sums));

}  // namespace espalier
