// How long it takes to expand sweeps of about 100,000 trials and to merge their stages. Run by hand:
// bin/bench_expansion

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

#include "experiments/expand/expand_trials.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/parse/parse_sweep.h"

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string numbers(int count, double first, double step) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i > 0 ? ", " : "") + std::to_string(first + step * i);
  return "[" + text + "]";
}

std::string sweep(const std::string& seeds, const std::string& lr, const std::string& prune, const std::string& rest) {
  return "sweep: bench\ndataset: mnist\nmodel: lenet-300-100\nseeds: " + seeds +
         "\ntrain: {optimizer: adam, lr: " + lr + ", batch_size: 60, epochs: 5}\nprune: {" + prune + "}\n" + rest;
}

void measure(const char* what, const std::string& yaml) {
  const auto start = Clock::now();
  const std::clock_t cpu_start = std::clock();
  const ParsedSweep parsed = parse_sweep(yaml, "bench");
  const double parse_s = seconds_since(start);
  if (!parsed.spec) {
    std::printf("%s: %s\n", what, to_string(parsed.diagnostics.front()).c_str());
    return;
  }
  const auto expand_start = Clock::now();
  const Expansion expansion = expand_trials(*parsed.spec, [](const DatasetRequest&) {
    return DatasetSpec{"mnist", std::string(64, 'a'), 55000, 5000, 10000, {1, 28, 28}, 10, 0};
  });
  const double expand_s = seconds_since(expand_start);
  const auto graph_start = Clock::now();
  const StageGraph graph = build_stage_graph(expansion.trials);
  const double graph_s = seconds_since(graph_start);
  const double cpu_s = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  std::printf(
      "%-34s %7zu trials %7zu stages: parse %.3f s, expand %.3f s, graph %.3f s, together %.3f s (%.3f s of CPU)\n",
      what, expansion.trials.size(), graph.stages.size(), parse_s, expand_s, graph_s, parse_s + expand_s + graph_s,
      cpu_s);
}

}  // namespace
}  // namespace espalier

int main() {
  using espalier::measure;
  using espalier::numbers;
  using espalier::sweep;
  const std::string finetune = "retrain: {finetune: {epochs: 2}}\n";
  measure("4 methods x 25 sparsities x 1000",
          sweep("1000", "1.2e-3", "method: [magnitude, gradient, snip, random], sparsity: " + numbers(25, 0.5, 0.015),
                finetune));
  measure("50 rates x 500 sparsities x 1 seed",
          sweep("1", numbers(50, 0.001, 0.001),
                "method: [magnitude, gradient, snip], sparsity: " + numbers(500, 0.5, 0.0009), finetune));
  measure("500 rates x 50 sparsities x 1 seed",
          sweep("1", numbers(500, 0.001, 0.001),
                "method: [magnitude, gradient, snip], sparsity: " + numbers(50, 0.5, 0.009), finetune));
  measure(
      "15 rounds with rewinding x 1 seed",
      sweep("1", numbers(2200, 0.001, 0.001),
            "method: magnitude, allocation: uniform, schedule: {iterative: {rate: 0.2, rounds: 15, rates: {fc3: 0.1}}}",
            "retrain: {rewind: {to: init}}\ncontrols: [random, reinit]\n"));
}
