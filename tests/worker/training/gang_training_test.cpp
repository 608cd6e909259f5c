// Members of a gang are threads here. A claim about K ranks has two halves: the members agree in every bit, and what
// they agree on is what one rank computes but for the order of its sums.
#include <algorithm>
#include <array>
#include <cmath>

#include <ATen/Parallel.h>

#include "base/error.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "tests/worker/data_parallel/thread_gang.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/network/initialization.h"
#include "worker/training/trainer.h"

namespace espalier {
namespace {

constexpr int kMembers = 4;
/// The largest difference between two trainings' tensors, each against the largest value of its tensor.
double difference(const NamedTensors& a, const NamedTensors& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double size = a[i].second.abs().max().item<double>();
    const double apart = a[i].second.sub(b[i].second).abs().max().item<double>();
    most = std::max(most, size > 0 ? apart / size : apart);
  }
  return most;
}

class GangTraining : public JobTest {
 protected:
  GangTraining() {
    at::set_num_threads(1);
    // Epochs of three batches of 64 and one of 2: of that, two members get nothing.
    DatasetRequest request;
    request.name = "glyphs";
    request.train = 194 + 30;
    request.validation = 30;
    request.test = 40;
    dataset_ = resolve_dataset(request, {});
  }

  TrainSpec spec_of(const std::string& model, std::int64_t steps) const {
    TrainSpec spec;
    spec.model = {model, {1, 28, 28}, 10};
    spec.dataset = dataset_;
    spec.optimizer.name = "sgd";
    spec.optimizer.lr = 0.05;
    spec.optimizer.momentum = 0.9;
    spec.batch_size = 64;
    spec.end_step = steps;
    spec.eval_every = 4;
    return spec;
  }

  struct End {
    TrainState state;
    NamedTensors tensors;
    Digest masks{};
  };
  static End train(const ModelDescription& model, TrainSpec spec, const ResidentDataset& data, Gang* gang) {
    spec.ranks = gang != nullptr ? gang->size() : 1;
    Network network(model, kCpu);
    InitSpec init;
    init.scheme = "kaiming_normal";
    init.stream = "init";
    initialize(network, init, 5);
    Trainer trainer(spec, 5, network, data, gang);
    while (!trainer.finished()) trainer.take_step();
    trainer.require_agreement("in the end");
    return {trainer.state(), trainer.tensors(), digest_of(network.masks())};
  }

  /// Members agree to the bit, and with one rank to `bound` of each tensor's largest value; losses to the same.
  void expect_as_one_rank(const ModelDescription& model, const TrainSpec& spec, double bound) const {
    const ResidentDataset data(load_dataset(dataset_, "", {}), dataset_, kCpu);
    const End alone = train(model, spec, data, nullptr);
    std::array<End, kMembers> ends;
    run_gang(kMembers,
             [&](Gang& gang) { ends[static_cast<std::size_t>(gang.member())] = train(model, spec, data, &gang); });
    for (const End& end : ends) {
      EXPECT_EQ(to_json(end.state), to_json(ends[0].state));
      EXPECT_EQ(digest_of(end.tensors), digest_of(ends[0].tensors));
      EXPECT_EQ(end.masks, ends[0].masks);
    }
    const double apart = difference(alone.tensors, ends[0].tensors);
    EXPECT_LT(apart, bound);
    ASSERT_EQ(alone.state.metrics.size(), ends[0].state.metrics.size());
    for (std::size_t i = 0; i < alone.state.metrics.size(); ++i) {
      EXPECT_NEAR(alone.state.metrics[i].value, ends[0].state.metrics[i].value, 10 * bound)
          << alone.state.metrics[i].name;
    }
  }
};

/// A sum of n floats in another order differs by at most n u of the sum of their magnitudes, u = 2^-24; here n is a
/// batch, and a step moves no weight by more than the largest of its tensor: so much after so many steps, if nothing
/// amplifies it.
double bound(const TrainSpec& spec) {
  return static_cast<double>(spec.end_step * spec.batch_size) * std::ldexp(1, -24);
}

TEST_F(GangTraining, lenet_5_is_that_of_one_rank) {
  TrainSpec spec = spec_of("lenet-5", 8);
  spec.augment = "crop_flip";
  expect_as_one_rank(describe_model(spec.model), spec, bound(spec));  // 3.1e-5; measured 1.3e-6
}

// Deeper networks amplify: where rounding moves a value across a ReLU's zero, its gradient comes or goes.
TEST_F(GangTraining, batch_norms_see_the_whole_batch) {
  const TrainSpec spec = spec_of("small-bn", 8);
  const ModelDescription model = built_model("small-bn", {1, 28, 28}, 10, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.conv2d("conv1", x, {8, 3, 1, 1, false});
    x = graph.max_pool2d(graph.relu("relu1", graph.batch_norm("bn1", x)));
    x = graph.conv2d("conv2", x, {16, 3, 1, 1, false});
    x = graph.relu("relu2", graph.batch_norm("bn2", x));
    return graph.linear("fc", graph.global_average_pool(x), 10);
  });
  expect_as_one_rank(model, spec, bound(spec));  // 3.1e-5; measured 1.2e-6
}

}  // namespace
}  // namespace espalier
