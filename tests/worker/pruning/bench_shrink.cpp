// Networks without half and without three quarters of their channels (kept ones in multiples of 8) beside the dense
// one, and beside networks written down with those widths, in turns there and back on one core: inference and a
// training step. docs/building.md says how to read it. Usage: bench_shrink [repeats [model ...]].

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/pruning/hand_built.h"
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
constexpr std::array<double, 2> kKept{0.5, 0.25};

Network fresh_network(const ModelDescription& model) {
  Network network(model, kCpu);
  InitSpec init;
  init.scheme = "kaiming_normal";
  init.stream = "init";
  initialize(network, init, 0);
  return network;
}

/// The first units of every scope stay.
Network kept_part(const Case& one, double kept) {
  Network network = fresh_network(describe_model({one.model, one.input, 10}));
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

/// A network of the same widths that never was a larger one.
Network written_down(const Case& one, const Network& small) {
  const OperatorGraph& graph = *small.description().graph;
  return fresh_network(hand_built({one.model, one.input, 10}, [&](const std::string& layer) {
    return graph.dims(layer_node(graph, layer), 1)[0].size;
  }));
}

/// A network with what its training takes.
class Timed {
 public:
  Timed(const Case& one, Network network)
      : network_(std::move(network)),
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
    const double started = processor_ms();
    work();
    return processor_ms() - started;
  }
  /// Of this process, which computes on one thread: what else runs on the machine does not count.
  static double processor_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
  }

  Network network_;
  std::unique_ptr<Optimizer> optimizer_;
  at::Tensor inputs_, labels_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Times of one network over the turns, each of there and back.
struct Series {
  std::vector<double> inference, training;
};

/// The median of the ratios of a turn.
double times_as_long(const std::vector<double>& ours, const std::vector<double>& others) {
  std::vector<double> ratios;
  for (std::size_t turn = 0; turn < ours.size(); ++turn) ratios.push_back(ours[turn] / others[turn]);
  return median(ratios);
}

/// A B C, then C B A: what drifts meanwhile is the same for all.
std::vector<Series> measure(const std::vector<std::unique_ptr<Timed>>& networks, int repeats) {
  std::vector<Series> series(networks.size());
  std::vector<std::size_t> order(networks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int turn = -1; turn < repeats; ++turn) {  // the first warms up
    std::vector<double> forward(networks.size()), step(networks.size());
    for (int way = 0; way < 2; ++way, std::ranges::reverse(order)) {
      for (const std::size_t i : order) forward[i] += networks[i]->inference() / 2;
      for (const std::size_t i : order) step[i] += networks[i]->training_step() / 2;
    }
    if (turn < 0) continue;
    for (std::size_t i = 0; i < networks.size(); ++i) {
      series[i].inference.push_back(forward[i]);
      series[i].training.push_back(step[i]);
    }
  }
  return series;
}

void compare(const Case& one, int repeats) {
  std::vector<std::unique_ptr<Timed>> networks;
  networks.push_back(std::make_unique<Timed>(one, fresh_network(describe_model({one.model, one.input, 10}))));
  for (const double kept : kKept) {
    Network small = kept_part(one, kept), written = written_down(one, small);
    networks.push_back(std::make_unique<Timed>(one, std::move(small)));
    networks.push_back(std::make_unique<Timed>(one, std::move(written)));
  }
  const std::vector<Series> series = measure(networks, repeats);
  const Series& dense = series[0];
  std::printf("%-12s  100 %%                     inference %8.2f ms               step %8.2f ms\n", one.model,
              median(dense.inference), median(dense.training));
  for (std::size_t i = 0; i < kKept.size(); ++i) {
    const Series &small = series[1 + 2 * i], &written = series[2 + 2 * i];
    const double madds =
        static_cast<double>(networks[0]->counts().madds) / static_cast<double>(networks[1 + 2 * i]->counts().madds);
    std::printf("%-12s %4.0f %%  %6.2fx fewer madds  inference %8.2f ms %5.2fx %5.3f  step %8.2f ms %5.2fx %5.3f\n",
                one.model, 100 * kKept[i], madds, median(small.inference),
                times_as_long(dense.inference, small.inference), times_as_long(small.inference, written.inference),
                median(small.training), times_as_long(dense.training, small.training),
                times_as_long(small.training, written.training));
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
