#include "worker/task/task.h"

#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

std::vector<double> values_of(const at::Tensor& sums) {
  return {sums.data_ptr<double>(), sums.data_ptr<double>() + sums.numel()};
}

const at::Tensor kLogits = at::tensor({2.0F, 0.0F, 1.0F, 0.0F, 3.0F, 1.0F, 1.0F, 0.0F, 2.0F}).view({3, 3});
const at::Tensor kLabels = at::tensor({0, 1, 0}, at::kLong);

TEST(Classification, PartsAddUpToTheWhole) {
  const Task& task = find_task("classification");
  const double whole = task.loss(kLogits, kLabels).item<double>();
  const double parts = task.loss_of_part(kLogits.narrow(0, 0, 2), kLabels.narrow(0, 0, 2), 3).item<double>() +
                       task.loss_of_part(kLogits.narrow(0, 2, 1), kLabels.narrow(0, 2, 1), 3).item<double>();
  EXPECT_NEAR(parts, whole, 1e-6);
  EXPECT_NEAR(task.example_losses(kLogits, kLabels).mean().item<double>(), whole, 1e-6);
  EXPECT_THROW(task.loss_of_part(kLogits.view({1, 3, 3}), kLabels.view({1, 3}), 1), Error);
}

TEST(Classification, TokensWithoutALabelAreLeftOut) {
  const Task& task = find_task("classification");
  const at::Tensor logits = kLogits.view({1, 3, 3}), labels = at::tensor({0, -100, -100}, at::kLong).view({1, 3});
  const double first = task.loss(kLogits.narrow(0, 0, 1), kLabels.narrow(0, 0, 1)).item<double>();
  EXPECT_NEAR(task.loss(logits, labels).item<double>(), first, 1e-6);
  EXPECT_NEAR(task.example_losses(logits, labels).item<double>(), first, 1e-6);
}

TEST(Classification, CountsWhatIsRightByClass) {
  const Task& task = find_task("classification");
  const at::Tensor sums = task.sums(kLogits, kLabels);
  ASSERT_EQ(sums.numel(), task.sum_count(3));
  const Evaluation evaluation = task.evaluation(values_of(sums), 3);
  EXPECT_DOUBLE_EQ(evaluation.accuracy(), 2.0 / 3);
  EXPECT_NEAR(evaluation.loss(), task.loss(kLogits, kLabels).item<double>(), 1e-6);
  EXPECT_DOUBLE_EQ(evaluation.class_accuracies()[0], 0.5);
  EXPECT_DOUBLE_EQ(evaluation.class_accuracies()[1], 1);
  EXPECT_TRUE(std::isnan(evaluation.class_accuracies()[2]));  // no example is of it
}

TEST(Classification, SumsOfBatchesAreThoseOfAll) {
  const Task& task = find_task("classification");
  const at::Tensor parts = task.sums(kLogits.narrow(0, 0, 1), kLabels.narrow(0, 0, 1))
                               .add(task.sums(kLogits.narrow(0, 1, 2), kLabels.narrow(0, 1, 2)));
  EXPECT_TRUE(parts.allclose(task.sums(kLogits, kLabels)));
}

TEST(Classification, ALogitThatIsNoNumberLeavesNoAccuracy) {
  const Task& task = find_task("classification");
  at::Tensor broken = kLogits.clone();
  broken[1][2] = std::numeric_limits<float>::infinity();
  const Evaluation evaluation = task.evaluation(values_of(task.sums(broken, kLabels)), 3);
  EXPECT_TRUE(std::isnan(evaluation.accuracy()));
  EXPECT_TRUE(std::isnan(evaluation.class_accuracies()[0]));
}

TEST(Tasks, AnUnknownOneIsRefusedWithTheChoices) {
  try {
    find_task("clasification");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("classification"), std::string::npos);
  }
}

}  // namespace
}  // namespace espalier
