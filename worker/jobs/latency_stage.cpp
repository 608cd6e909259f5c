#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/models/model_description.h"
#include "worker/jobs/stages.h"
#include "worker/jobs/tensor_memory.h"
#include "worker/latency/turns.h"
#include "worker/machine/blas_kernel.h"
#include "worker/machine/other_load.h"
#include "worker/machine/pinned_thread.h"
#include "worker/network/initialization.h"
#include "worker/pruning/folded_network.h"

namespace espalier {
namespace {

/// As many threads compute until it is destroyed, on as many processors; one before and after.
class ComputingThreads {
 public:
  explicit ComputingThreads(int threads) : pinned_(threads) { set(threads); }
  ~ComputingThreads() { set(1); }
  ComputingThreads(const ComputingThreads&) = delete;
  ComputingThreads& operator=(const ComputingThreads&) = delete;

 private:
  static void set(int threads) {
    at::set_num_threads(threads);
    use_blas_threads(threads);
  }
  PinnedThread pinned_;
};

c10::Device device_of(const LatencySpec& spec, c10::Device own) {
  if (spec.device.empty()) return own;
  if (spec.device == "cpu") return c10::kCPU;
  if (spec.device == "cuda" && own.is_cuda()) return own;
  throw Error(ErrorKind::invalid_input, "latency: this rank has no device \"" + spec.device +
                                            "\"; give the sweep's pool GPUs, or measure on the cpu");
}

/// Milliseconds of so many passes, begun and ended when the device has nothing else to do.
double time_passes(const Network& network, const at::Tensor& examples, std::int64_t passes) {
  const auto wait = [&] {
    if (examples.is_cpu()) return;
    c10::impl::VirtualGuardImpl(examples.device().type()).getStream(examples.device()).synchronize();
  };
  wait();
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t pass = 0; pass < passes; ++pass) network.forward(examples);
  wait();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

std::int64_t bytes_of(const Network& network) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : network.weights()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

/// What is timed, the dense network first.
struct Contestant {
  std::string name;
  Network network;
};

/// The dense network, the pruned one and, where units left, its twin. Their weights are on `device`.
std::vector<Contestant> contestants(const StageContext& context, const LatencySpec& spec, c10::Device device) {
  const NamedTensors weights = context.needed_input(InputRole::weights);
  const auto moved = [&](Network network) {
    if (device == context.device) return network;
    Network other(network.description(), device);
    other.set_weights(network.weights());
    if (network.masked()) other.set_masks(network.masks());
    return other;
  };
  std::vector<Contestant> timed;
  Network dense = context.network(spec.model);
  dense.set_weights(weights);
  timed.push_back({kDenseNetwork, moved(std::move(dense))});
  Network whole = context.network(spec.model);
  whole.set_masks(context.needed_input(InputRole::masks));
  whole.set_weights(weights);
  if (!whole.description().graph) {
    timed.push_back({kPrunedNetwork, moved(std::move(whole))});
    return timed;
  }
  const FoldedNetwork folded = folded_network(whole);
  Network small = network_of(folded, whole), twin = network_of(folded, whole);
  const bool is_smaller = small.parameters().numel() < whole.parameters().numel();
  timed.push_back({kPrunedNetwork, moved(std::move(is_smaller ? small : whole))});
  if (!is_smaller) return timed;
  InitSpec random;
  random.scheme = default_name(list_inits());
  random.stream = "latency";
  initialize(twin, random, 0);
  timed.push_back({kTwinNetwork, moved(std::move(twin))});
  return timed;
}

at::Tensor examples_of(const ModelDescription& model, std::int64_t count, c10::Device device) {
  if (takes_tokens(model)) return at::zeros({count, model.input[2]}, at::TensorOptions(at::kLong).device(device));
  return at::randn({count, model.input[0], model.input[1], model.input[2]}).to(device);
}

LatencyMeasurement measure(const std::vector<Contestant>& networks, const at::Tensor& examples,
                           const TurnLimits& limits) {
  std::vector<TimedNetwork> timed;
  std::vector<std::int64_t> peaks;
  for (const Contestant& one : networks) {
    const PeakTensorMemory peak(examples.is_cpu() ? std::nullopt : std::optional<int>(examples.device().index()));
    time_passes(one.network, examples, 1);
    peaks.push_back(peak.bytes() + bytes_of(one.network));
    timed.push_back({one.name, [&](std::int64_t passes) { return time_passes(one.network, examples, passes); }});
  }
  const OtherLoad others;
  LatencyMeasurement measured = measure_in_turns(timed, limits);
  measured.busy_cores = others.cores();
  measured.batch_size = examples.size(0);
  for (std::size_t i = 0; i < peaks.size(); ++i) measured.networks[i].peak_bytes = peaks[i];
  return measured;
}

void warn_if_disturbed(StageOutcome& outcome) {
  const double most = std::ranges::max(outcome.latencies, {}, &LatencyMeasurement::busy_cores).busy_cores;
  if (most <= kBusyCores) return;
  outcome.warnings.push_back(fmt::format(
      "latency: other programs kept up to {:.1f} cores busy meanwhile; measure again on a machine that does "
      "nothing else",
      most));
}

void warn_if_wide(const LatencyMeasurement& measured, const LatencySpec& spec, StageOutcome& outcome) {
  if (measured.settled) return;
  const NetworkTimes& pruned = measured.networks[1];
  outcome.warnings.push_back(
      fmt::format("latency at batch size {}: after {:g} s the speed-up is known only to be in {:.2f} .. {:.2f}; raise "
                  "measure: {{latency: {{time_limit: ...}}}}",
                  measured.batch_size, spec.time_limit_s, pruned.speedup_low, pruned.speedup_high));
}

}  // namespace

bool run_latency_stage(const StageContext& context, StageOutcome& outcome) {
  const LatencySpec spec = parse_spec<LatencySpec>(context.stage.spec);
  const c10::Device device = device_of(spec, context.device);
  const std::vector<Contestant> networks = contestants(context, spec, device);
  const at::NoGradGuard no_grad;
  const ComputingThreads threads(static_cast<int>(spec.threads));
  for (const std::int64_t batch_size : spec.batch_sizes) {
    const at::Tensor examples = examples_of(networks.front().network.description(), batch_size, device);
    outcome.latencies.push_back(measure(networks, examples, {spec.time_limit_s, [&] { return context.stop.load(); }}));
    if (context.stop) return false;
    warn_if_wide(outcome.latencies.back(), spec, outcome);
  }
  warn_if_disturbed(outcome);
  return true;
}

}  // namespace espalier
