#include "worker/training/evaluation.h"

#include <algorithm>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

namespace espalier {
namespace {

constexpr std::int64_t kBatch = 1000;

}  // namespace

Evaluation evaluate(const Network& network, const ResidentDataset& data, const ResidentSplit& split, Gang* gang) {
  const at::NoGradGuard no_grad;
  const Task& task = network.task();
  at::Tensor total =
      at::zeros({task.sum_count(network.description().classes)}, split.labels.options().dtype(at::kDouble));
  for (std::int64_t first = 0; first < split.count(); first += kBatch) {
    if (gang != nullptr && first / kBatch % gang->size() != gang->member()) continue;
    const Batch batch = data.slice(split, first, std::min(kBatch, split.count() - first));
    total.add_(task.sums(network.forward(batch.inputs), batch.labels));
  }
  total = total.to(at::kCPU);
  std::vector<double> sums(total.data_ptr<double>(), total.data_ptr<double>() + total.numel());
  if (gang != nullptr) sum(*gang, sums);
  return task.evaluation(sums, split.count());
}

}  // namespace espalier
