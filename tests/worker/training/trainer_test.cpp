#include "worker/training/trainer.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/datasets/dataset.h"
#include "experiments/models/model_description.h"
#include "tests/worker/cpu.h"
#include "worker/network/initialization.h"

namespace espalier {
namespace {

constexpr std::uint64_t kSeed = 5;

/// A small perceptron on glyphs: 4 steps an epoch, evaluations after every 5th.
class Trainers : public testing::Test {
 protected:
  Trainers() {
    at::set_num_threads(1);
    DatasetRequest request;
    request.name = "glyphs";
    request.train = 200 + 30;
    request.validation = 30;
    request.test = 40;
    spec_.model = {"mlp-16", {1, 28, 28}, 10};
    spec_.dataset = resolve_dataset(request, {});
    spec_.optimizer.name = "sgd";
    spec_.optimizer.lr = 0.05;
    spec_.optimizer.momentum = 0.9;
    spec_.batch_size = 50;
    spec_.end_step = 12;
    spec_.eval_every = 5;
  }

  Network network() const {
    Network made(describe_model(spec_.model), kCpu);
    InitSpec init;
    init.scheme = "kaiming_normal";
    init.stream = "init";
    initialize(made, init, kSeed);
    return made;
  }
  /// With every second weight of each layer removed; of `emptied`, all.
  static NamedTensors half_masks(const Network& network, const std::string& emptied = "") {
    NamedTensors masks;
    for (const auto& [name, mask] : network.masks()) {
      at::Tensor changed = mask.clone();
      changed.view(-1).slice(0, 0, changed.numel(), name == emptied ? 1 : 2).zero_();
      masks.emplace_back(name, changed);
    }
    return masks;
  }
  const ResidentDataset& data() {
    if (!data_) data_.emplace(load_dataset(spec_.dataset, "", {}), spec_.dataset, kCpu);
    return *data_;
  }
  static void finish(Trainer& trainer) {
    while (!trainer.finished()) trainer.take_step();
  }
  static std::vector<std::int64_t> steps_of(const TrainState& state, const std::string& name) {
    std::vector<std::int64_t> steps;
    for (const MetricPoint& point : state.metrics) {
      if (point.name == name) steps.push_back(point.step);
    }
    return steps;
  }
  static void expect_equal(const NamedTensors& a, const NamedTensors& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].first, b[i].first);
      EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
    }
  }

  TrainSpec spec_;
  std::optional<ResidentDataset> data_;
};

using Steps = std::vector<std::int64_t>;

TEST_F(Trainers, EvaluatesOnItsGridAndAtAnEndThatIsOffIt) {
  Network net = network();
  Trainer trainer(spec_, kSeed, net, data());
  EXPECT_FALSE(trainer.finished());
  finish(trainer);
  EXPECT_TRUE(trainer.at_epoch_end());  // 12 steps of 4 an epoch
  EXPECT_EQ(steps_of(trainer.state(), "validation_loss"), (Steps{5, 10}));
  trainer.evaluate_end();
  for (const char* name : {"train_loss", "lr", "validation_loss", "validation_accuracy"})
    EXPECT_EQ(steps_of(trainer.state(), name), (Steps{5, 10, 12})) << name;
  EXPECT_EQ(trainer.state().step, 12);
}

TEST_F(Trainers, AnEndOnTheGridIsEvaluatedOnce) {
  spec_.end_step = 10;
  Network net = network();
  Trainer trainer(spec_, kSeed, net, data());
  finish(trainer);
  trainer.evaluate_end();
  EXPECT_EQ(steps_of(trainer.state(), "validation_loss"), (Steps{5, 10}));
}

TEST_F(Trainers, TheTestSetIsLookedAtWhereValidationIsBest) {
  Network net = network();
  Trainer trainer(spec_, kSeed, net, data());
  finish(trainer);
  const TrainState& state = trainer.state();
  double best = HUGE_VAL;
  Steps better;
  for (const MetricPoint& point : state.metrics) {
    if (point.name != "validation_loss" || !(point.value < best)) continue;
    best = point.value;
    better.push_back(point.step);
  }
  EXPECT_EQ(steps_of(state, "test_accuracy"), better);
  EXPECT_EQ(state.best_validation_loss, best);
}

TEST_F(Trainers, WhereItIsInterruptedLeavesNoTrace) {
  Network whole_net = network();
  Trainer whole(spec_, kSeed, whole_net, data());
  finish(whole);
  for (const int cut : {1, 5, 7}) {
    Network first_net = network(), second_net = network();
    Trainer first(spec_, kSeed, first_net, data());
    for (int i = 0; i < cut; ++i) first.take_step();
    Trainer second(spec_, kSeed, second_net, data());
    second.restore(first.state(), first.tensors());
    finish(second);
    expect_equal(second.tensors(), whole.tensors());
    ASSERT_EQ(second.state().metrics.size(), whole.state().metrics.size()) << cut;
    for (std::size_t i = 0; i < whole.state().metrics.size(); ++i)
      EXPECT_EQ(second.state().metrics[i].value, whole.state().metrics[i].value) << cut;
  }
}

TEST_F(Trainers, RemovedWeightsStayZeroWhateverTheOptimizerRemembers) {
  Network net = network();
  const NamedTensors masks = half_masks(net);
  net.set_masks(masks);
  Trainer trainer(spec_, kSeed, net, data());
  finish(trainer);
  for (const auto& [name, mask] : masks) {
    for (const auto& [weight_name, weight] : net.weights()) {
      if (weight_name != name) continue;
      EXPECT_EQ(weight.masked_select(mask.eq(0)).count_nonzero().item<std::int64_t>(), 0) << name;
      EXPECT_GT(weight.count_nonzero().item<std::int64_t>(), 0) << name;
    }
  }
}

TEST_F(Trainers, ANetworkWithoutAPathIsNotTrained) {
  Network net = network();
  net.set_masks(half_masks(net, net.masks().back().first));
  Trainer trainer(spec_, kSeed, net, data());
  EXPECT_TRUE(trainer.collapsed());
  EXPECT_TRUE(trainer.finished());
  trainer.evaluate_end();
  EXPECT_TRUE(trainer.state().metrics.empty());
}

TEST_F(Trainers, ALossThatIsNotFiniteEndsItAndNothingIsEvaluated) {
  spec_.optimizer.lr = 1e30;
  Network net = network();
  Trainer trainer(spec_, kSeed, net, data());
  finish(trainer);
  EXPECT_TRUE(trainer.state().diverged);
  EXPECT_LT(trainer.state().step, spec_.end_step);
  const std::size_t points = trainer.state().metrics.size();
  trainer.evaluate_end();
  EXPECT_EQ(trainer.state().metrics.size(), points);
}

TEST_F(Trainers, RecentLossIsTheMeanSinceTheLastEvaluationOrAtIt) {
  Network net = network();
  Trainer trainer(spec_, kSeed, net, data());
  EXPECT_TRUE(std::isnan(trainer.recent_loss()));
  trainer.take_step();
  const double first = trainer.recent_loss();
  trainer.take_step();
  const TrainState& two = trainer.state();
  EXPECT_EQ(two.loss_count, 2);
  EXPECT_DOUBLE_EQ(trainer.recent_loss(), two.loss_sum / 2);
  EXPECT_GT(two.loss_sum, first);
  for (int i = 2; i < 5; ++i) trainer.take_step();
  EXPECT_EQ(trainer.state().loss_count, 0);
  EXPECT_EQ(trainer.recent_loss(), trainer.state().metrics.front().value);  // train_loss of step 5
}

TEST_F(Trainers, AStateThatIsNotOnTheWayIsDamaged) {
  Network net = network();
  Trainer trainer(spec_, kSeed, net, data());
  TrainState late;
  late.step = spec_.end_step + 1;
  try {
    trainer.restore(late, trainer.tensors());
    FAIL() << "it was restored";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_NE(std::string(error.what()).find("at step 13 is not on the way from step 0 to 12"), std::string::npos);
  }
  EXPECT_EQ(trainer.state().step, 0);
}

TEST_F(Trainers, ATrainingOfAnotherNumberOfRanksIsRefused) {
  spec_.ranks = 2;
  Network net = network();
  try {
    const Trainer trainer(spec_, kSeed, net, data());
    FAIL() << "it was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_NE(std::string(error.what()).find("a training of 2 ranks was given to 1"), std::string::npos);
  }
}

}  // namespace
}  // namespace espalier
