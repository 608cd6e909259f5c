// What a sparsifier may do, each in turn, and all of it through a stop, a restart and a gang.
#include "worker/sparsify/sparsifier.h"

#include <array>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

#include "experiments/models/model_description.h"
#include "tests/worker/cpu.h"
#include "tests/worker/data_parallel/thread_gang.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/network/initialization.h"
#include "worker/training/trainer.h"

namespace espalier {
namespace {

constexpr double kDecay = 0.01;

/// Half the squared weights, times kDecay: what weight decay is.
at::Tensor squares(const Network& network) {
  at::Tensor sum;
  for (const Parameter& parameter : network.named()) {
    const at::Tensor one = parameter.leaf.square().sum();
    sum = sum.defined() ? sum.add(one) : one;
  }
  return sum.mul(kDecay / 2);
}

class Decay : public Sparsifier {
 public:
  explicit Decay(const SparsifierContext& context) : context_(context) {}
  at::Tensor penalty() override { return squares(context_.network); }
  bool leaves_masks() const override { return false; }

 private:
  const SparsifierContext context_;
};

class HalfGradients : public Sparsifier {
 public:
  explicit HalfGradients(const SparsifierContext& context) : context_(context) {}
  void after_gradients(std::int64_t) override {
    at::Tensor gradients = context_.network.gradients();
    gradients.mul_(0.5);
  }
  bool leaves_masks() const override { return false; }

 private:
  const SparsifierContext context_;
};

/// Every third step removes the smallest tenth of each layer's weights, and lets as many grow again where the gradient
/// is largest, with nothing remembered of them. A count of its own decides where it begins.
class Regrow : public Sparsifier {
 public:
  explicit Regrow(const SparsifierContext& context) : context_(context), seen_(at::full({1}, 0, at::kLong)) {}

  at::Tensor penalty() override { return squares(context_.network); }

  bool after_step(std::int64_t, double) override {
    seen_.add_(1);
    if (seen_.item<std::int64_t>() % 3 != 0) return false;
    const at::NoGradGuard no_grad;
    Network& network = context_.network;
    NamedTensors masks = network.masks();
    at::Tensor grown = at::zeros_like(network.parameters(), at::kBool);
    for (std::size_t i = 0; i < network.prunable().size(); ++i) {
      const PrunableWeight& layer = network.prunable()[i];
      const at::Tensor gone = masks[i].second.eq(0).flatten();
      const std::int64_t tenth = gone.numel() / 10;
      at::Tensor mask = masks[i].second.flatten();
      mask.index_fill_(0, std::get<1>(layer.weight.abs().flatten().masked_fill(gone, 1e9).topk(tenth, 0, false)), 0);
      const at::Tensor born = std::get<1>(layer.gradient.abs()
                                              .flatten()
                                              .masked_fill(gone.logical_not(), -1)
                                              .topk(std::min(tenth, gone.sum().item<std::int64_t>())));
      mask.index_fill_(0, born, 1);
      masks[i].second = mask.view(layer.weight.sizes());
      grown.narrow(0, layer.weight.storage_offset(), gone.numel()).index_fill_(0, born, true);
    }
    network.set_masks(masks);
    context_.optimizer.forget(grown);
    return true;
  }

  NamedTensors state() const override { return {{"sparsifier.seen", seen_}}; }
  void load_state(const NamedTensors& state) override { seen_.copy_(tensor_like(state, "sparsifier.seen", seen_)); }

 private:
  const SparsifierContext context_;
  at::Tensor seen_;
};

template <typename One>
std::unique_ptr<Sparsifier> make_one(const SparsifierContext& context) {
  return std::make_unique<One>(context);
}
std::unique_ptr<Sparsifier> make_none(const SparsifierContext&) {
  return nullptr;
}

class Sparsifiers : public JobTest {
 protected:
  Sparsifiers() : data_(load_dataset(dataset_, "", {}), dataset_, kCpu) { at::set_num_threads(1); }

  TrainSpec spec(double decay = 0) const {
    TrainSpec spec = train_spec(20);
    spec.optimizer = {"sgd", 0.05, 0.9, false, decay};
    return spec;
  }

  Network started() const {
    Network network(describe_model(model_), kCpu);
    InitSpec init;
    init.scheme = "kaiming_normal";
    init.stream = "init";
    initialize(network, init, 5);
    return network;
  }

  NamedTensors train(const TrainSpec& spec, MakeSparsifier make, Gang* gang = nullptr) const {
    Network network = started();
    Trainer trainer(spec, 5, network, data_, gang, make);
    while (!trainer.finished()) trainer.take_step();
    return trainer.tensors();
  }

  const ResidentDataset data_;
};

double largest_difference(const NamedTensors& a, const NamedTensors& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::max(most, a[i].second.sub(b[i].second).abs().max().item<double>());
  return most;
}

TEST_F(Sparsifiers, APenaltyIsDifferentiatedWithTheLoss) {
  const NamedTensors penalized = train(spec(), &make_one<Decay>), decayed = train(spec(kDecay), &make_none);
  EXPECT_LT(largest_difference(penalized, decayed), 1e-4);
  EXPECT_GT(largest_difference(penalized, train(spec(), &make_none)), 1e-3);
}

TEST_F(Sparsifiers, GradientsMayChangeBeforeTheStep) {
  TrainSpec half = spec();
  half.optimizer.lr /= 2;
  EXPECT_LT(largest_difference(train(half, &make_none),
                               [&] {
                                 NamedTensors tensors = train(spec(), &make_one<HalfGradients>);
                                 tensors.back().second =
                                     tensors.back().second.mul(2);  // the velocity is of halved gradients
                                 return tensors;
                               }()),
            1e-4);
}

TEST_F(Sparsifiers, StoppedAnywhereAndRestoredEndsAsIfNever) {
  const NamedTensors uncut = train(spec(), &make_one<Regrow>);
  for (const std::int64_t stop : {1, 3, 7, 15}) {
    Network network = started();
    Trainer first(spec(), 5, network, data_, nullptr, &make_one<Regrow>);
    while (first.state().step < stop) first.take_step();
    Network other(describe_model(model_), kCpu);
    Trainer second(spec(), 5, other, data_, nullptr, &make_one<Regrow>);
    second.restore(first.state(), first.tensors());
    while (!second.finished()) second.take_step();
    EXPECT_EQ(digest_of(second.tensors()), digest_of(uncut)) << stop;
    EXPECT_THROW(second.restore(first.state(), network.weights()), Error);
  }
}

TEST_F(Sparsifiers, MembersOfAGangAgree) {
  TrainSpec shared = spec();
  shared.ranks = 2;
  std::array<NamedTensors, 2> ends;
  run_gang(
      2, [&](Gang& gang) { ends[static_cast<std::size_t>(gang.member())] = train(shared, &make_one<Regrow>, &gang); });
  EXPECT_EQ(digest_of(ends[0]), digest_of(ends[1]));
  const NamedTensors penalized = train(spec(), &make_one<Decay>);
  run_gang(2,
           [&](Gang& gang) { ends[static_cast<std::size_t>(gang.member())] = train(shared, &make_one<Decay>, &gang); });
  EXPECT_LT(largest_difference(ends[0], penalized), 1e-3);  // the penalty counts once
}

TEST_F(Sparsifiers, AnUnknownOneIsRefusedWithTheChoices) {
  TrainSpec unknown = spec();
  unknown.sparsify = SparsifySpec{"gradul"};
  try {
    train(unknown, &make_sparsifier);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("gradual"), std::string::npos) << error.what();
  }
}

TEST_F(Sparsifiers, OneIsPartOfTheSpec) {
  TrainSpec named = spec();
  const std::string plain = canonical_json(named);
  named.sparsify = SparsifySpec{"gradual", {{"rate", 0.5}}};
  const std::string text = canonical_json(named);
  EXPECT_EQ(text, plain.substr(0, plain.find(R"("start_step")")) +
                      R"("sparsify":{"name":"gradual","options":{"rate":0.5}},)" +
                      plain.substr(plain.find(R"("start_step")")));
  EXPECT_EQ(canonical_json(parse_spec<TrainSpec>(text)), text);
}

}  // namespace
}  // namespace espalier
