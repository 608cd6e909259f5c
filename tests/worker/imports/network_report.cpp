// network_report onnx|torchscript FILE C,H,W CLASSES NUMBERS: what an import makes of a network, as one line of JSON.
//   imported      processor seconds and largest memory of the import alone, with its proof of every unit and a training
//                 step; or why it refused
//   difference    of NUMBERS.output, what the network gave for NUMBERS.input where it comes from: the largest, divided
//                 by the largest output
//   parameters, in_units, operators, units, left_alone
//   pruned        half of the channels removed by magnitude, the same share of every layer: the difference between the
//                 smaller network and the masked one
//   shrunk        of torchscript: what that leaves: parameters, multiply-adds, bytes of the tensors' file, before and
//   after, and the
//                 times of a pass of one example, in turn
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <nlohmann/json.hpp>

#include "experiments/operators/operator.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/worker/imports/pruned_half.h"
#include "worker/imports/network_import.h"
#include "worker/latency/turns.h"
#include "worker/machine/blas_kernel.h"
#include "worker/network/stored_network.h"
#include "worker/pruning/scope_units.h"
#include "worker/pruning/shrunk_network.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

Json costs_so_far() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {{"seconds", seconds(usage.ru_utime) + seconds(usage.ru_stime)}, {"megabytes", usage.ru_maxrss / 1024}};
}

/// Parameters that would go or be left out if every unit were removed.
std::int64_t parameters_in_units(const Network& network) {
  const OperatorGraph& graph = *network.description().graph;
  NamedTensors masks = network.masks();
  const auto remove_all = [&](const std::vector<PruneScope>& scopes, Granularity::Kind kind) {
    for (PruneScope scope : scopes) {
      for (ScopeMember& member : scope.members) member.goes = true;
      mask_units(scope, {.kind = kind}, network, std::vector<std::uint8_t>(static_cast<std::size_t>(scope.units), 0),
                 false, masks);
    }
  };
  remove_all(channel_scopes(graph), Granularity::Kind::channel);
  remove_all(head_scopes(graph), Granularity::Kind::head);
  std::int64_t removed = 0;
  for (const auto& [name, mask] : masks) removed += mask.numel() - mask.count_nonzero().item<std::int64_t>();
  return removed;
}

Json sizes_of(const Network& network) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : network.weights()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  const ModelCounts counts = count_model(network.description());
  return {{"parameters", counts.parameters}, {"madds", counts.madds}, {"bytes", bytes}};
}

/// Of a network with masks.
Json compare_with_shrunk(const Network& masked) {
  constexpr double kSeconds = 6;
  const auto shrunk = ShrunkNetwork::of(masked);
  if (!shrunk) return {};
  Network small = shrunk->network();
  small.set_weights(shrunk->gathered(masked.weights()));
  const auto& input = masked.description().input;
  const at::Tensor example = at::randn({1, input[0], input[1], input[2]});
  const auto timed = [&](const char* name, const Network& network) {
    return TimedNetwork{
        name, [&](std::int64_t passes) {
          const auto start = std::chrono::steady_clock::now();
          for (std::int64_t pass = 0; pass < passes; ++pass) network.forward(example);
          return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        }};
  };
  Json result{{"before", sizes_of(masked)}, {"after", sizes_of(small)}};
  result["difference"] = require_equal_outputs(masked, small, example);
  // The whole network computes as fast with its zeros as without masks.
  const LatencyMeasurement times =
      measure_in_turns({timed(kDenseNetwork, masked), timed(kPrunedNetwork, small)}, {kSeconds});
  result["before"]["ms"] = times.networks[0].median_ms;
  result["after"]["ms"] = times.networks[1].median_ms;
  result["speedup"] = {times.networks[1].speedup, times.networks[1].speedup_low, times.networks[1].speedup_high};
  return result;
}

Json report(const NetworkImportRequest& request, const std::string& saved) {
  Json result;
  ModelFile file = import_network(request);
  if (!file.is_graph) throw std::runtime_error("stays a module");
  result["imported"] = costs_so_far();
  result["remarks"] = file.remarks;
  const at::NoGradGuard no_grad;
  StoredNetwork stored = load_network(request.to, file.content);
  ModelDescription model;
  model.name = "imported";
  model.input = request.input;
  model.classes = request.classes;
  model.graph = stored.graph;
  Network network(model, at::kCPU);
  network.set_weights(stored.tensors);
  stored.tensors.clear();
  result["difference"] = difference_from_saved(network, saved);
  std::map<std::string, int> operators;
  for (const Node& node : stored.graph->nodes()) ++operators[std::string(node.op->name())];
  result["operators"] = operators;
  result["parameters"] = network.parameters().numel();
  result["in_units"] = parameters_in_units(network);
  Json alone = Json::object();
  for (const LeftAlone& one : left_alone(*stored.graph)) alone[one.reason].push_back(one.layer);
  result["left_alone"] = alone;
  try {
    const std::vector<KeptUnits> units = prune_half(network);
    std::int64_t count = 0, kept = 0;
    for (const KeptUnits& one : units) {
      count += one.scope.units;
      kept += std::ranges::count(one.kept, 1);
    }
    result["units"] = count;
    result["units_kept"] = kept;
    result["pruned"] = removal_difference(network, units);
    if (request.format == "torchscript") result["shrunk"] = compare_with_shrunk(network);  // either door: the same
  } catch (const std::exception& error) {
    result["pruned_error"] = error.what();
  }
  result["all"] = costs_so_far();
  return result;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  using namespace espalier;
  ensure_fast_blas_kernel(argv);
  use_one_blas_thread();
  at::set_num_threads(1);
  NetworkImportRequest request;
  auto& [channels, height, width] = request.input;
  if (argc != 6 || std::sscanf(argv[3], "%ld,%ld,%ld", &channels, &height, &width) != 3) return 2;
  request.format = argv[1];
  request.from = argv[2];
  request.classes = std::stoll(argv[4]);
  request.to = request.from.string() + ".network_" + std::to_string(::getpid());
  nlohmann::json result;
  try {
    result = report(request, argv[5]);
  } catch (const std::exception& error) {
    result = {{"refused", error.what()}, {"all", costs_so_far()}};
  }
  std::error_code ignored;
  std::filesystem::remove(request.to, ignored);
  std::cout << result.dump() << std::endl;
  return result.contains("refused") ? 1 : 0;
}
