#include "worker/data/data_order.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(DataOrder, TheLastBatchHoldsWhatRemains) {
  const DataOrder order{.seed = 1, .phase = 0, .examples = 10, .batch_size = 4};
  EXPECT_EQ(order.steps_per_epoch(), 3);
  EXPECT_EQ(order.place(1).first, 4);
  EXPECT_EQ(order.place(2).count, 2);
  EXPECT_EQ(order.place(3).epoch, 1);
  EXPECT_EQ(order.place(3).first, 0);
}

TEST(DataOrder, EveryEpochAndPhaseHasItsOwnOrderOfAllExamples) {
  const DataOrder dense{.seed = 1, .phase = 0, .examples = 100, .batch_size = 10};
  const DataOrder retrain{.seed = 1, .phase = 1, .examples = 100, .batch_size = 10};
  EXPECT_EQ(dense.epoch_order(3), dense.epoch_order(3));
  EXPECT_NE(dense.epoch_order(3), dense.epoch_order(4));
  EXPECT_NE(dense.epoch_order(3), retrain.epoch_order(3));
  auto order = dense.epoch_order(0);
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<std::int64_t>(i));
}

}  // namespace
}  // namespace espalier
