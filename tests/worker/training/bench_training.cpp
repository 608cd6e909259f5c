// A training step of ours beside the same step written with LibTorch alone, in turns on one core.
// Usage: bench_training [repeats [model ...]]. Examples are random; their values change no step's time.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "base/random.h"
#include "tests/worker/cpu.h"
#include "worker/machine/blas_kernel.h"
#include "worker/machine/memory_limit.h"
#include "worker/network/initialization.h"
#include "worker/training/trainer.h"

namespace espalier {
namespace {

/// What is timed: so many steps at a time.
struct Case {
  const char* model;
  std::array<std::int64_t, 3> input;
  std::int64_t batch;
  std::int64_t steps;
  OptimizerSpec optimizer;
};

OptimizerSpec adam_of(double lr) {
  OptimizerSpec spec;
  spec.name = "adam";
  spec.lr = lr;
  return spec;
}

OptimizerSpec sgd_of(double lr) {
  OptimizerSpec spec;
  spec.name = "sgd";
  spec.lr = lr;
  spec.momentum = 0.9;
  spec.weight_decay = 1e-4;
  return spec;
}

/// Models, batches and optimizers of the papers that first trained them so.
const std::vector<Case>& cases() {
  static const std::vector<Case> kCases{{"lenet-300-100", {1, 28, 28}, 60, 200, adam_of(1.2e-3)},
                                        {"lenet-5", {1, 28, 28}, 64, 20, adam_of(1.2e-3)},
                                        {"conv-2", {3, 32, 32}, 60, 4, adam_of(2e-4)},
                                        {"conv-4", {3, 32, 32}, 60, 3, adam_of(3e-4)},
                                        {"resnet-20", {3, 32, 32}, 128, 2, sgd_of(0.1)}};
  return kCases;
}

Examples random_examples(std::int64_t count, std::int64_t size) {
  RandomStream random(0, "bench");
  Examples examples;
  examples.count = count;
  for (std::int64_t i = 0; i < count * size; ++i)
    examples.pixels.push_back(static_cast<std::uint8_t>(random.next_u64()));
  for (std::int64_t i = 0; i < count; ++i) examples.labels.push_back(static_cast<std::int64_t>(random.below(10)));
  return examples;
}

DatasetSpec spec_of(const Case& one) {
  DatasetSpec spec;
  spec.name = "random";
  spec.content = "random";
  spec.train = one.batch * one.steps;
  spec.shape = one.input;
  spec.classes = 10;
  return spec;
}

double milliseconds(const std::function<void()>& work) {
  const auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
}

/// Our path: the trainer as a train stage uses it. No validation set, as the bare loop has none.
class Ours {
 public:
  Ours(const Case& one, const ResidentDataset& data) : data_(data), network_(describe_model(model_of(one)), kCpu) {
    spec_.model = model_of(one);
    spec_.dataset = spec_of(one);
    spec_.optimizer = one.optimizer;
    spec_.batch_size = one.batch;
    spec_.end_step = one.steps;
    InitSpec init;
    init.scheme = "kaiming_normal";
    init.stream = "init";
    initialize(network_, init, 0);
  }
  double steps() {
    Trainer trainer(spec_, 0, network_, data_);
    return milliseconds([&] {
      while (!trainer.finished()) trainer.take_step();
    });
  }

 private:
  static ModelSpec model_of(const Case& one) { return {one.model, one.input, 10}; }

  const ResidentDataset& data_;
  Network network_;
  TrainSpec spec_;
};

struct ResidualBlock : torch::nn::Module {
  ResidualBlock(std::int64_t in, std::int64_t out, std::int64_t stride) {
    using namespace torch::nn;
    const auto conv = [](std::int64_t from, std::int64_t to, std::int64_t side, std::int64_t step) {
      return Conv2d(Conv2dOptions(from, to, side).stride(step).padding(side / 2).bias(false));
    };
    body = register_module(
        "body", Sequential(conv(in, out, 3, stride), BatchNorm2d(out), ReLU(), conv(out, out, 3, 1), BatchNorm2d(out)));
    if (in != out) shortcut = register_module("shortcut", Sequential(conv(in, out, 1, stride), BatchNorm2d(out)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return torch::relu(body->forward(x) + (shortcut.is_empty() ? x : shortcut->forward(x)));
  }
  torch::nn::Sequential body{nullptr}, shortcut{nullptr};
};

torch::nn::Sequential bare_network(const std::string& model) {
  using namespace torch::nn;
  const auto conv = [](std::int64_t from, std::int64_t to) { return Conv2d(Conv2dOptions(from, to, 3).padding(1)); };
  if (model == "lenet-300-100")
    return Sequential(Flatten(), Linear(784, 300), ReLU(), Linear(300, 100), ReLU(), Linear(100, 10));
  if (model == "lenet-5")
    return Sequential(Conv2d(Conv2dOptions(1, 20, 5)), ReLU(), MaxPool2d(2), Conv2d(Conv2dOptions(20, 50, 5)), ReLU(),
                      MaxPool2d(2), Flatten(), Linear(800, 500), ReLU(), Linear(500, 10));
  if (model == "conv-2")
    return Sequential(conv(3, 64), ReLU(), conv(64, 64), ReLU(), MaxPool2d(2), Flatten(), Linear(64 * 256, 256), ReLU(),
                      Linear(256, 256), ReLU(), Linear(256, 10));
  if (model == "conv-4")
    return Sequential(conv(3, 64), ReLU(), conv(64, 64), ReLU(), MaxPool2d(2), conv(64, 128), ReLU(), conv(128, 128),
                      ReLU(), MaxPool2d(2), Flatten(), Linear(128 * 64, 256), ReLU(), Linear(256, 256), ReLU(),
                      Linear(256, 10));
  Sequential network(Conv2d(Conv2dOptions(3, 16, 3).padding(1).bias(false)), BatchNorm2d(16), ReLU());
  std::int64_t channels = 16;
  for (const std::int64_t out : {16, 32, 64}) {
    for (int i = 0; i < 3; ++i) {
      network->push_back(ResidualBlock(channels, out, out != channels ? 2 : 1));
      channels = out;
    }
  }
  network->push_back(AdaptiveAvgPool2d(1));
  network->push_back(Flatten());
  network->push_back(Linear(64, 10));
  return network;
}

/// What one writes with LibTorch alone: modules, its optimizer, batches by index_select from a float tensor.
class Bare {
 public:
  Bare(const Case& one, const ResidentDataset& data) : batch_(one.batch), network_(bare_network(one.model)) {
    const Batch all = data.slice(data.train(), 0, data.train().count());
    images_ = all.inputs.clone();
    labels_ = all.labels.clone();
    const OptimizerSpec& spec = one.optimizer;
    if (spec.momentum > 0) {
      const auto options = torch::optim::SGDOptions(spec.lr).momentum(spec.momentum).weight_decay(spec.weight_decay);
      optimizer_ = std::make_unique<torch::optim::SGD>(network_->parameters(), options);
    } else {
      optimizer_ = std::make_unique<torch::optim::Adam>(network_->parameters(), torch::optim::AdamOptions(spec.lr));
    }
  }
  double steps() {
    return milliseconds([&] {
      const torch::Tensor order = torch::randperm(images_.size(0), torch::kLong);
      for (std::int64_t first = 0; first < images_.size(0); first += batch_) {
        const torch::Tensor indices = order.narrow(0, first, batch_);
        optimizer_->zero_grad();
        const torch::Tensor loss = torch::nn::functional::cross_entropy(
            network_->forward(images_.index_select(0, indices)), labels_.index_select(0, indices));
        loss.backward();
        optimizer_->step();
        loss_sum_ += loss.item<double>();
      }
    });
  }

 private:
  const std::int64_t batch_;
  torch::nn::Sequential network_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  torch::Tensor images_, labels_;
  double loss_sum_ = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Both take turns, each first in every second round, so that what else the machine does hits both alike.
void compare(const Case& one, int repeats) {
  const ResidentDataset data(
      {random_examples(one.batch * one.steps, one.input[0] * one.input[1] * one.input[2]), {}, {}}, spec_of(one), kCpu);
  Ours ours(one, data);
  Bare bare(one, data);
  ours.steps();
  bare.steps();
  std::vector<double> our_times, bare_times, ratios;
  for (int i = 0; i < repeats; ++i) {
    if (i % 2 == 0) our_times.push_back(ours.steps());
    bare_times.push_back(bare.steps());
    if (i % 2 == 1) our_times.push_back(ours.steps());
    ratios.push_back(our_times.back() / bare_times.back());
  }
  const auto steps = static_cast<double>(one.steps);
  std::printf(
      "%-14s batch %3ld: a step of ours %8.3f ms, of bare LibTorch %8.3f ms, ratio %.3f (at most 1.02 is wanted)\n",
      one.model, static_cast<long>(one.batch), median(our_times) / steps, median(bare_times) / steps, median(ratios));
  std::fflush(stdout);
}

}  // namespace
}  // namespace espalier

int main(int count, char** arguments) {
  const std::string note = espalier::ensure_fast_blas_kernel(arguments);
  std::printf("%s\nBLAS kernel: %s\n", note.c_str(), espalier::blas_kernel_in_use().c_str());
  espalier::use_one_blas_thread();
  espalier::keep_freed_memory();  // as in a worker; both sides have it
  at::set_num_threads(1);
  const int repeats = count > 1 ? std::max(1, std::atoi(arguments[1])) : 15;
  for (const espalier::Case& one : espalier::cases()) {
    const bool wanted =
        count < 3 || std::find(arguments + 2, arguments + count, std::string(one.model)) != arguments + count;
    if (wanted) espalier::compare(one, repeats);
  }
}
