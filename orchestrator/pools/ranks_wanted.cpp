#include "orchestrator/pools/ranks_wanted.h"

#include <algorithm>
#include <cmath>

namespace espalier {
namespace {

/// A site may request GPUs by an option of its own; their number is then unknown.
bool asks_for_gpus_otherwise(const PoolProfile& profile) {
  return std::ranges::any_of(profile.extra, [](const std::string& option) {
    return option.rfind("--gres", 0) == 0 || option.rfind("--gpus", 0) == 0;
  });
}

/// Ranks of a pool that can compute with that share of a GPU each, at the same time.
std::int64_t ranks_with_gpu(double share, const BatchRequest& request) {
  constexpr double kRounding = 1e-9;  // ten jobs with a tenth each fill a GPU
  if (request.device == "cpu") return 0;
  if (request.gpus_per_node == 0) return asks_for_gpus_otherwise(request.profile) ? request.ranks() : 0;
  const auto for_each_gpu = static_cast<std::int64_t>(std::floor(1 / share + kRounding));
  return std::min(request.ranks(), request.nodes * request.gpus_per_node * for_each_gpu);
}

/// Jobs with that demand that one pool runs at the same time.
std::int64_t jobs_at_once(const Demand& demand, const BatchRequest& request) {
  const Resources& asked = demand.resources;
  const std::vector<std::string>& labels = request.profile.labels;
  if (!asked.label.empty() && std::ranges::find(labels, asked.label) == labels.end()) return 0;
  const double memory_gb = request.memory_gb.value_or(0);  // 0: no limit, or the node's own, which is not known here
  if (memory_gb != 0 && memory_gb < asked.memory_gb) return 0;
  if (demand.ranks > request.ranks()) return 0;
  const std::int64_t ranks = asked.gpus == 0 ? request.ranks() : ranks_with_gpu(asked.gpus, request);
  return ranks == 0 ? 0 : std::max<std::int64_t>(1, ranks / demand.ranks);
}

}  // namespace

std::int64_t ranks_wanted(const std::vector<WaitingJobs>& waiting, const BatchRequest& request) {
  std::int64_t ranks = 0;
  for (const auto& [demand, count] : waiting) {
    const std::int64_t at_once = jobs_at_once(demand, request);
    if (at_once > 0) ranks += (count * request.ranks() + at_once - 1) / at_once;
  }
  return ranks;
}

}  // namespace espalier
