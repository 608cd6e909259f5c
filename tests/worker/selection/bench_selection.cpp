// Keeping the highest 20 % of 25 million |w|, a normal network in 50 layers: our exact selection, beside what else one
// would do. Prints medians over the repeats, one thread, all ways in turns.
// Usage: bench_selection [repeats [weights]]

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sort.h>

#include "base/random.h"
#include "worker/machine/blas_kernel.h"
#include "worker/machine/memory_limit.h"
#include "worker/selection/selection.h"

namespace espalier {
namespace {

constexpr std::size_t kLayers = 50;

double seconds(const std::function<void()>& work) {
  const auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Layers are neighbouring parts of one tensor, so that the other ways need no concatenation.
std::vector<ScoredLayer> as_layers(const at::Tensor& scores, std::span<const std::uint8_t> surviving) {
  const auto count = static_cast<std::size_t>(scores.numel());
  const std::span<const float> all(scores.data_ptr<float>(), count);
  std::vector<ScoredLayer> layers;
  for (std::size_t i = 0; i < kLayers; ++i) {
    const std::size_t begin = count * i / kLayers, size = count * (i + 1) / kLayers - begin;
    layers.push_back({"layer" + std::to_string(i), all.subspan(begin, size),
                      surviving.empty() ? surviving : surviving.subspan(begin, size)});
  }
  return layers;
}

struct Way {
  const char* name;
  std::function<float()> run;  ///< returns a number that depends on the work
  std::vector<double> times;
};

void compare(std::int64_t count, int repeats) {
  RandomStream random(0, "bench");
  at::Tensor weights = at::empty({count}, at::kFloat);
  for (std::int64_t i = 0; i < count; ++i) weights.data_ptr<float>()[i] = static_cast<float>(random.normal());
  const at::Tensor scores = weights.abs();
  const float* const first = scores.data_ptr<float>();
  PruneTarget target;
  target.total_kept = count / 5;
  const std::vector<std::uint8_t> surviving(static_cast<std::size_t>(count), 1);
  const auto select = [&](const at::Tensor& of, std::span<const std::uint8_t> alive) {
    const KeepMasks masks = select_kept(as_layers(of, alive), target);
    return static_cast<float>(masks[0][0] + masks[kLayers - 1][0]);
  };
  std::vector<Way> ways = {
      {"torch::sort of |w|",
       [&] { return std::get<0>(weights.abs().sort())[count - target.total_kept].item<float>(); },
       {}},
      {"std::nth_element of a copy of |w|",
       [&] {
         std::vector<float> copy(first, first + count);
         std::nth_element(copy.begin(), copy.end() - target.total_kept, copy.end());
         return copy[copy.size() - static_cast<std::size_t>(target.total_kept)];
       },
       {}},
      {"ours: threshold and byte masks", [&] { return select(scores, {}); }, {}},
      {"ours, with a mask of survivors", [&] { return select(scores, surviving); }, {}},
      {"ours, with |w| made by torch", [&] { return select(weights.abs(), {}); }, {}},
      {"reading all scores once",
       [&] { return std::accumulate(first, first + count, 0.0F, [](float a, float b) { return std::max(a, b); }); },
       {}},
  };
  float sum = 0;
  for (int i = 0; i < repeats; ++i) {
    for (Way& way : ways) way.times.push_back(seconds([&] { sum += way.run(); }));
  }
  const double ours = median(ways[2].times);
  std::printf("%ld weights at 80 %% (checksum %g):\n", static_cast<long>(count), static_cast<double>(sum));
  for (const Way& way : ways)
    std::printf("  %-36s %9.2f ms  %7.2f x ours\n", way.name, 1e3 * median(way.times), median(way.times) / ours);
  std::printf("wanted: torch::sort at least 40 x ours, std::nth_element at least 5 x\n");
}

}  // namespace
}  // namespace espalier

int main(int count, char** arguments) {
  espalier::keep_freed_memory();  // as in a worker
  at::set_num_threads(1);
  espalier::use_one_blas_thread();
  espalier::compare(count > 2 ? std::atoll(arguments[2]) : 25'000'000,
                    count > 1 ? std::max(1, std::atoi(arguments[1])) : 5);
}
