// Networks without half and without three quarters of their channels (kept ones in multiples of 8) beside the dense
// one, in turns on one core: inference and a training step. Usage: bench_shrink [repeats [model ...]].

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "experiments/pruning/coupled_scopes.h"
#include "tests/worker/cpu.h"
#include "worker/machine/blas_kernel.h"
#include "worker/machine/memory_limit.h"
#include "worker/network/initialization.h"
#include "worker/optimizers/optimizer.h"
#include "worker/pruning/scope_units.h"
#include "worker/pruning/shrunk_network.h"

namespace espalier {
namespace {

struct Case {
  const char* model;
  std::array<std::int64_t, 3> input;
  std::int64_t batch;
};
constexpr std::array<Case, 6> kCases{{{"lenet-5", {1, 28, 28}, 64},
                                      {"conv-4", {3, 32, 32}, 60},
                                      {"vgg-16-bn", {3, 32, 32}, 32},
                                      {"resnet-20", {3, 32, 32}, 64},
                                      {"resnet-56", {3, 32, 32}, 32},
                                      {"transformer", {3, 32, 32}, 64}}};
constexpr std::array<double, 3> kKept{1.0, 0.5, 0.25};

Network dense_network(const Case& one) {
  Network network(describe_model({one.model, one.input, 10}), kCpu);
  InitSpec init;
  init.scheme = "kaiming_normal";
  init.stream = "init";
  initialize(network, init, 0);
  return network;
}

/// The first units of every scope stay.
Network kept_part(const Case& one, double kept) {
  Network network = dense_network(one);
  NamedTensors masks = network.masks();
  const OperatorGraph& graph = *network.description().graph;
  const auto mask = [&](const std::vector<PruneScope>& scopes, Granularity::Kind kind, std::int64_t multiple) {
    for (const PruneScope& scope : scopes) {
      const double units = kept * static_cast<double>(scope.units) / static_cast<double>(multiple);
      const auto stay =
          std::clamp<std::int64_t>(std::llround(units) * multiple, std::min(multiple, scope.units), scope.units);
      std::vector<std::uint8_t> left(static_cast<std::size_t>(scope.units), 0);
      std::fill_n(left.begin(), stay, std::uint8_t{1});
      mask_units(scope, {.kind = kind}, network, left, false, masks);
    }
  };
  mask(channel_scopes(graph), Granularity::Kind::channel, 8);
  mask(head_scopes(graph), Granularity::Kind::head, 1);
  network.set_masks(masks);
  const auto shrunk = ShrunkNetwork::of(network);
  if (!shrunk) return network;
  Network small = shrunk->network();
  small.set_weights(shrunk->gathered(network.weights()));
  return small;
}

/// A network with what its training takes.
class Timed {
 public:
  Timed(const Case& one, double kept)
      : network_(kept == 1 ? dense_network(one) : kept_part(one, kept)),
        optimizer_(make_optimizer(sgd(), network_.parameters())),
        inputs_(at::randn({one.batch, one.input[0], one.input[1], one.input[2]})),
        labels_(at::randint(10, {one.batch}, at::kLong)) {}

  double inference() {
    const at::NoGradGuard no_grad;
    return milliseconds([&] { network_.forward(inputs_); });
  }
  double training_step() {
    return milliseconds([&] {
      network_.loss_and_gradients(inputs_, labels_, Mode::train);
      optimizer_->step(network_.parameters(), network_.gradients(), 0.001);
      network_.apply_masks();
    });
  }
  ModelCounts counts() const { return count_model(network_.description()); }

 private:
  static OptimizerSpec sgd() {
    OptimizerSpec spec;
    spec.name = "sgd";
    spec.momentum = 0.9;
    return spec;
  }
  static double milliseconds(const std::function<void()>& work) {
    const auto started = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
  }

  Network network_;
  std::unique_ptr<Optimizer> optimizer_;
  at::Tensor inputs_, labels_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void compare(const Case& one, int repeats) {
  std::vector<std::unique_ptr<Timed>> networks;
  for (const double kept : kKept) networks.push_back(std::make_unique<Timed>(one, kept));
  std::array<std::vector<double>, kKept.size()> inference, training, faster, steps_faster;
  for (int turn = -1; turn < repeats; ++turn) {
    std::array<double, kKept.size()> forward{}, step{};
    for (std::size_t i = 0; i < networks.size(); ++i) forward[i] = networks[i]->inference();
    for (std::size_t i = 0; i < networks.size(); ++i) step[i] = networks[i]->training_step();
    if (turn < 0) continue;  // warms up
    for (std::size_t i = 0; i < networks.size(); ++i) {
      inference[i].push_back(forward[i]);
      training[i].push_back(step[i]);
      faster[i].push_back(forward[0] / forward[i]);
      steps_faster[i].push_back(step[0] / step[i]);
    }
  }
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const double madds =
        static_cast<double>(networks[0]->counts().madds) / static_cast<double>(networks[i]->counts().madds);
    std::printf("%-12s %4.0f %%  %6.2fx madds  inference %8.2f ms %5.2fx  step %8.2f ms %5.2fx\n", one.model,
                100 * kKept[i], madds, median(inference[i]), median(faster[i]), median(training[i]),
                median(steps_faster[i]));
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace espalier

int main(int count, char** arguments) {
  espalier::ensure_fast_blas_kernel(arguments);
  espalier::use_one_blas_thread();
  espalier::keep_freed_memory();  // as in a worker
  at::set_num_threads(1);
  const int repeats = count > 1 ? std::max(1, std::atoi(arguments[1])) : 9;
  for (const espalier::Case& one : espalier::kCases) {
    const bool wanted =
        count < 3 || std::find(arguments + 2, arguments + count, std::string(one.model)) != arguments + count;
    if (wanted) espalier::compare(one, repeats);
  }
}
