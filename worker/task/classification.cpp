#include <cmath>
#include <vector>

#include <ATen/core/Reduction.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "worker/task/task.h"

namespace espalier {
namespace {

constexpr std::int64_t kNotLabelled = -100;

/// Logits [N, C] with labels [N], or of each token [N, T, C] with labels [N, T], of which -100 are left out.
class Classification : public Task {
 public:
  at::Tensor loss(const at::Tensor& logits, const at::Tensor& labels) const override {
    if (logits.dim() == 2) return at::cross_entropy_loss(logits, labels);
    return at::cross_entropy_loss(logits.flatten(0, 1), labels.flatten());
  }

  at::Tensor example_losses(const at::Tensor& logits, const at::Tensor& labels) const override {
    if (logits.dim() == 2) return at::cross_entropy_loss(logits, labels, {}, at::Reduction::None);
    const at::Tensor per_token =
        at::cross_entropy_loss(logits.flatten(0, 1), labels.flatten(), {}, at::Reduction::None, kNotLabelled);
    return per_token.view(labels.sizes()).sum(1).div(labels.ne(kNotLabelled).sum(1).clamp_min(1));
  }

  at::Tensor loss_of_part(const at::Tensor& logits, const at::Tensor& labels, std::int64_t count) const override {
    if (logits.dim() != 2)
      throw Error(ErrorKind::invalid_input,
                  "several ranks train one network only where it names one class for each "
                  "example; this one names more: set ranks_per_trial to 1");
    return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum).div(count);
  }

  std::int64_t sum_count(std::int64_t classes) const override { return 2 * classes + 2; }

  /// Right answers by class, examples by class, examples with a logit that is not finite, and the loss: 2 C + 2.
  at::Tensor sums(const at::Tensor& logits, const at::Tensor& labels) const override {
    const at::Tensor correct = logits.argmax(1).eq(labels).to(at::kLong);
    const at::Tensor none = at::zeros({logits.size(1)}, labels.options());
    return at::cat({none.scatter_add(0, labels, correct).to(at::kDouble),
                    none.scatter_add(0, labels, at::ones_like(correct)).to(at::kDouble),
                    logits.isfinite().all(1).logical_not().sum().to(at::kDouble).view({1}),
                    at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum).to(at::kDouble).view({1})});
  }

  /// A network that gives any example a logit that is not finite has no accuracy: NaN, of every class, too.
  Evaluation evaluation(std::span<const double> sums, std::int64_t examples) const override {
    const std::size_t classes = (sums.size() - 2) / 2;
    const bool broken = sums[2 * classes] > 0;  // the largest of a row with a NaN is where the NaN is
    double right = 0;
    std::vector<double> by_class;
    for (std::size_t i = 0; i < classes; ++i) {
      right += sums[i];
      by_class.push_back(broken ? std::nan("") : sums[i] / sums[classes + i]);  // 0 / 0 is NaN
    }
    const auto count = static_cast<double>(examples);
    return Evaluation::of_classes(broken ? std::nan("") : right / count, sums.back() / count, by_class);
  }
};

}  // namespace

const Task& task_classification() {
  static const Classification kTask;
  return kTask;
}

}  // namespace espalier
