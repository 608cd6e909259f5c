#include "worker/evaluation.h"

#include <algorithm>

#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace espalier {
namespace {

constexpr std::int64_t kBatch = 1000;

}  // namespace

Evaluation evaluate(const Network& network, const ResidentDataset& data, const ResidentSplit& split) {
  const at::NoGradGuard no_grad;
  at::Tensor seen, right;
  double loss = 0;
  for (std::int64_t first = 0; first < split.count(); first += kBatch) {
    const Batch batch = data.slice(split, first, std::min(kBatch, split.count() - first));
    const at::Tensor logits = network.forward(batch.images);
    if (!seen.defined()) {
      seen = at::zeros({logits.size(1)}, batch.labels.options());
      right = at::zeros_like(seen);
    }
    loss += at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Sum).item<double>();
    const at::Tensor correct = logits.argmax(1).eq(batch.labels).to(at::kLong);
    right.scatter_add_(0, batch.labels, correct);
    seen.scatter_add_(0, batch.labels, at::ones_like(correct));
  }
  const auto count = static_cast<double>(split.count());
  Evaluation evaluation{static_cast<double>(right.sum().item<std::int64_t>()) / count, loss / count, {}};
  const at::Tensor per_class = right.to(at::kDouble).div_(seen).to(at::kCPU).contiguous();  // 0 / 0 is NaN
  evaluation.class_accuracy.assign(per_class.data_ptr<double>(), per_class.data_ptr<double>() + per_class.numel());
  return evaluation;
}

}  // namespace espalier
