// Against LibTorch's own batch norm over the whole batch, in float64: what differs beyond its rounding is a mistake.
#include "worker/data_parallel/sync_batch_norm.h"

#include <array>

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tests/worker/data_parallel/thread_gang.h"

namespace espalier {
namespace {

constexpr int kNormMembers = 4;
constexpr std::int64_t kChannels = 3;
constexpr double kEpsilon = 1e-5, kMomentum = 0.1;

at::Tensor leaf(const at::Tensor& values) {
  at::Tensor copy = values.clone();
  copy.set_requires_grad(true);
  return copy;
}

struct Values {
  at::Tensor x, weights;  // the loss is sum(weights y)
  at::Tensor scale, shift;
};

struct Result {
  at::Tensor y, x_gradient, scale_gradient, shift_gradient, mean, variance;
};

Result normalize(const Values& values, Gang* gang) {
  const at::Tensor x = leaf(values.x), scale = leaf(values.scale), shift = leaf(values.shift);
  const at::Tensor mean = at::full({kChannels}, 0.5, x.options()), variance = at::full({kChannels}, 2, x.options());
  const at::Tensor y = gang != nullptr
                           ? sync_batch_norm(x, {scale, shift, mean, variance}, kMomentum, kEpsilon, *gang)
                           : at::batch_norm(x, scale, shift, mean, variance, true, kMomentum, kEpsilon, false);
  y.mul(values.weights).sum().backward();
  return {y.detach(), x.grad(), scale.grad(), shift.grad(), mean, variance};
}

void expect_tensors_close(const at::Tensor& a, const at::Tensor& b, const char* what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  EXPECT_LT(a.sub(b).abs().max().item<double>(), 1e-12 * (1 + a.abs().max().item<double>())) << what;
}

TEST(SyncBatchNorm, is_that_of_the_whole_batch) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  for (const std::int64_t count : {13, 3}) {  // of 3, a member has none
    const Values all{at::randn({count, kChannels, 5, 4}, options).mul(3).add(1),
                     at::randn({count, kChannels, 5, 4}, options), at::randn({kChannels}, options),
                     at::randn({kChannels}, options)};
    const Result whole = normalize(all, nullptr);
    std::array<Result, kNormMembers> results;
    run_gang(kNormMembers, [&](Gang& gang) {
      const Part part = part_of(count, gang.member(), kNormMembers);
      results[static_cast<std::size_t>(gang.member())] =
          normalize({all.x.narrow(0, part.first, part.count), all.weights.narrow(0, part.first, part.count), all.scale,
                     all.shift},
                    &gang);
    });
    std::vector<at::Tensor> y, x_gradient;
    at::Tensor scale_gradient = at::zeros({kChannels}, options), shift_gradient = at::zeros({kChannels}, options);
    for (const Result& one : results) {
      y.push_back(one.y);
      x_gradient.push_back(one.x_gradient);
      scale_gradient.add_(one.scale_gradient);
      shift_gradient.add_(one.shift_gradient);
      expect_tensors_close(one.mean, whole.mean, "running mean");
      expect_tensors_close(one.variance, whole.variance, "running variance");
      EXPECT_TRUE(one.variance.equal(results[0].variance));
    }
    expect_tensors_close(at::cat(y), whole.y, "output");
    expect_tensors_close(at::cat(x_gradient), whole.x_gradient, "gradient of the input");
    expect_tensors_close(scale_gradient, whole.scale_gradient, "gradient of the scale");
    expect_tensors_close(shift_gradient, whole.shift_gradient, "gradient of the shift");
  }
}

}  // namespace
}  // namespace espalier
