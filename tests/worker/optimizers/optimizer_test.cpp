#include "worker/optimizers/optimizer.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"

namespace espalier {
namespace {

using MakeReference = std::function<std::unique_ptr<torch::optim::Optimizer>(const torch::Tensor&)>;

/// Twenty steps on a bowl with noise, ours beside LibTorch's.
void expect_equal_steps(Optimizer& ours, double lr, const torch::Tensor& start, const MakeReference& make_reference) {
  torch::Tensor weights = start.clone();
  torch::Tensor theirs = start.clone().requires_grad_(true);
  const auto reference = make_reference(theirs);
  for (int step = 0; step < 20; ++step) {
    const torch::Tensor gradient = torch::sin(weights * 3 + step) + weights;
    theirs.mutable_grad() = gradient.clone();
    ours.step(weights, gradient, lr);
    reference->step();
    ASSERT_LT((weights - theirs).abs().max().item<double>(), 1e-6) << "step " << step;
  }
}

class EitherWay : public testing::TestWithParam<bool> {};  // in one pass, or with tensor operations
INSTANTIATE_TEST_SUITE_P(Optimizers, EitherWay, testing::Bool());

TEST_P(EitherWay, SgdIsTorchs) {
  const torch::Tensor start = torch::linspace(-1, 1, 1003);
  for (const auto& [momentum, nesterov, decay] :
       {std::tuple(0.0, false, 0.0), {0.9, false, 0.0}, {0.9, true, 1e-2}, {0.0, false, 1e-2}}) {
    OptimizerSpec spec;
    spec.name = "sgd";
    spec.momentum = momentum;
    spec.nesterov = nesterov;
    spec.weight_decay = decay;
    const auto options = torch::optim::SGDOptions(0.05).momentum(momentum).nesterov(nesterov).weight_decay(decay);
    expect_equal_steps(*make_sgd(spec, start, GetParam()), 0.05, start, [&](const torch::Tensor& theirs) {
      return std::make_unique<torch::optim::SGD>(std::vector<torch::Tensor>{theirs}, options);
    });
  }
}

TEST_P(EitherWay, AdamIsTorchs) {
  const torch::Tensor start = torch::linspace(-1, 1, 1003);
  for (const double decay : {0.0, 1e-2}) {
    OptimizerSpec spec;
    spec.name = "adam";
    spec.weight_decay = decay;
    const auto options = torch::optim::AdamOptions(0.01).weight_decay(decay);
    expect_equal_steps(*make_adam(spec, start, GetParam()), 0.01, start, [&](const torch::Tensor& theirs) {
      return std::make_unique<torch::optim::Adam>(std::vector<torch::Tensor>{theirs}, options);
    });
  }
}

TEST_P(EitherWay, SavedStateGoesOnExactly) {
  for (const auto& make : {make_sgd, make_adam}) {
    OptimizerSpec spec;
    spec.momentum = 0.9;
    torch::Tensor whole = torch::linspace(-1, 1, 1003), cut = whole.clone();
    const auto first = make(spec, whole, GetParam());
    for (int step = 0; step < 10; ++step) first->step(whole, whole.sin(), 0.01);
    const auto before = make(spec, cut, GetParam());
    for (int step = 0; step < 4; ++step) before->step(cut, cut.sin(), 0.01);
    const auto after = make(spec, cut, GetParam());
    after->load_state(before->state());
    for (int step = 4; step < 10; ++step) after->step(cut, cut.sin(), 0.01);
    EXPECT_TRUE(torch::equal(whole, cut));
    EXPECT_THROW(after->load_state({}), Error);
  }
}

TEST_P(EitherWay, WhatIsForgottenStepsAsAtTheStart) {
  OptimizerSpec spec;
  spec.momentum = 0.9;
  const torch::Tensor gradient = torch::ones({2}), forgotten = torch::tensor({true, false});
  torch::Tensor weights = torch::zeros({2});
  const auto sgd = make_sgd(spec, weights, GetParam());
  sgd->step(weights, gradient, 1);  // velocity 1
  sgd->forget(forgotten);
  sgd->step(weights, gradient, 1);  // velocities 1 and 1.9
  EXPECT_TRUE(torch::allclose(weights, torch::tensor({-2.0F, -2.9F}))) << weights;
  weights.zero_();
  const auto adam = make_adam(spec, weights, GetParam());
  adam->step(weights, gradient, 1);
  adam->forget(forgotten);
  for (const auto& [name, tensor] : adam->state()) {
    if (name == "optimizer.steps") continue;
    EXPECT_EQ(tensor[0].item<float>(), 0) << name;
    EXPECT_GT(tensor[1].item<float>(), 0) << name;
  }
}

TEST(Optimizer, UnknownNamesGetTheChoices) {
  OptimizerSpec spec;
  spec.name = "adm";
  try {
    make_optimizer(spec, torch::zeros({1}));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("adam"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace espalier
