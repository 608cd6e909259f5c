#include "tests/worker/imports/pruned_half.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "base/random.h"
#include "experiments/pruning/coupled_scopes.h"
#include "worker/pruning/prune_network.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

at::Tensor read_numbers(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) throw std::runtime_error(file + ": cannot be read");
  at::Tensor numbers = at::empty({static_cast<std::int64_t>(in.tellg()) / 4});
  in.seekg(0);
  in.read(static_cast<char*>(numbers.data_ptr()), static_cast<std::streamsize>(numbers.nbytes()));
  return numbers;
}

}  // namespace

double difference_from_saved(const Network& network, const std::string& file) {
  const at::NoGradGuard no_grad;
  const OperatorGraph& graph = *network.description().graph;
  std::vector<std::int64_t> sizes = sizes_of(graph.value(graph.input()).dims);
  sizes[0] = -1;
  const at::Tensor given = network.forward(read_numbers(file + ".input").reshape(sizes)).flatten();
  const at::Tensor expected = read_numbers(file + ".output");
  return given.sub(expected).abs().max().item<double>() / std::max(expected.abs().max().item<double>(), 1e-12);
}

std::vector<KeptUnits> prune_half(Network& network) {
  PruneSpec spec;
  spec.criterion = "magnitude";
  spec.granularity = "channel l2";
  const Granularity granularity = parse_granularity(spec.granularity);
  PruneTarget target;
  std::vector<KeptUnits> units;
  for (PruneScope& scope : prune_scopes(network.description(), granularity, spec.criterion, {})) {
    target.layer_kept.push_back(std::max<std::int64_t>(1, scope.units / 2));
    target.total_kept += target.layer_kept.back();
    units.push_back({std::move(scope), granularity, {}});
  }
  prune_network(network, {spec, target, 1, true, PruneBatches(spec, nullptr, 1, 0, at::kCPU)});
  for (KeptUnits& one : units) one.kept = units_left(one.scope, granularity, network);
  return units;
}

void mask_half(Network& network) {
  NamedTensors masks = network.masks();
  RandomStream random(5, "halves");
  for (const Granularity::Kind kind : {Granularity::Kind::channel, Granularity::Kind::head}) {
    if (kind == Granularity::Kind::head && head_scopes(*network.description().graph).empty()) continue;
    const Granularity granularity{.kind = kind};
    for (const PruneScope& scope : prune_scopes(network.description(), granularity, {})) {
      std::vector<std::uint8_t> kept(static_cast<std::size_t>(scope.units), 1);
      for (std::size_t i = 1; i < kept.size(); ++i) kept[i] = random.uniform() < 0.5 ? 0 : 1;
      mask_units(scope, granularity, network, kept, false, masks);
    }
  }
  network.set_masks(masks);
  network.apply_masks();
}

}  // namespace espalier
