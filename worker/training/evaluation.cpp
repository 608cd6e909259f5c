#include "worker/training/evaluation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace espalier {
namespace {

constexpr std::int64_t kBatch = 1000;

/// Sums over a split, or over the part of it that a member of a gang looked at.
struct Sums {
  double loss = 0;
  double broken = 0;       // examples with a logit that is not finite
  at::Tensor right, seen;  // int64 [classes]
};

void add_members(Gang& gang, Sums& sums) {
  const at::Tensor counts = at::cat({sums.right, sums.seen}).to(at::kCPU, at::kDouble);
  std::vector<double> all(counts.data_ptr<double>(), counts.data_ptr<double>() + counts.numel());
  all.push_back(sums.broken);
  all.push_back(sums.loss);
  sum(gang, all);
  sums.loss = all.back();
  all.pop_back();
  sums.broken = all.back();
  all.pop_back();
  const std::vector<at::Tensor> whole = at::tensor(all, at::kDouble).to(sums.right.options()).chunk(2);
  sums.right = whole[0];
  sums.seen = whole[1];
}

}  // namespace

Evaluation evaluate(const Network& network, const ResidentDataset& data, const ResidentSplit& split, Gang* gang) {
  const at::NoGradGuard no_grad;
  Sums sums;
  sums.right = at::zeros({network.description().classes}, split.labels.options());
  sums.seen = at::zeros_like(sums.right);
  for (std::int64_t first = 0; first < split.count(); first += kBatch) {
    if (gang != nullptr && first / kBatch % gang->size() != gang->member()) continue;
    const Batch batch = data.slice(split, first, std::min(kBatch, split.count() - first));
    const at::Tensor logits = network.forward(batch.images);
    sums.loss += at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Sum).item<double>();
    sums.broken += static_cast<double>(logits.isfinite().all(1).logical_not().sum().item<std::int64_t>());
    const at::Tensor correct = logits.argmax(1).eq(batch.labels).to(at::kLong);
    sums.right.scatter_add_(0, batch.labels, correct);
    sums.seen.scatter_add_(0, batch.labels, at::ones_like(correct));
  }
  if (gang != nullptr) add_members(*gang, sums);
  const auto count = static_cast<double>(split.count());
  Evaluation evaluation{static_cast<double>(sums.right.sum().item<std::int64_t>()) / count, sums.loss / count, {}};
  if (sums.broken > 0) {  // the largest of a row with a NaN is where the NaN is
    evaluation.accuracy = std::nan("");
    evaluation.class_accuracy.assign(static_cast<std::size_t>(sums.seen.numel()), std::nan(""));
    return evaluation;
  }
  const at::Tensor per_class = sums.right.to(at::kDouble).div_(sums.seen).to(at::kCPU).contiguous();  // 0 / 0 is NaN
  evaluation.class_accuracy.assign(per_class.data_ptr<double>(), per_class.data_ptr<double>() + per_class.numel());
  return evaluation;
}

}  // namespace espalier
