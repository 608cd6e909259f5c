#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/expand/operating_points.h"

namespace espalier {

struct DenseConfig;

/// What the prune keys of a combination mean for one network.
struct PrunePoints {
  std::vector<PruneScope> scopes;
  Granularity granularity;                  ///< with the reduction that the criterion takes
  std::vector<std::string> protect;         ///< as PruneSpec::protect
  std::vector<std::string> random_protect;  ///< the same for random twins: what the criterion cannot score stays, too
  std::optional<GradualConfig> gradual;
  std::int64_t gradual_start = 0;
  std::vector<OperatingPoint> points;  ///< none after reporting what is wrong
  std::vector<OperatingPoint> by_erk;  ///< the same totals as erk spreads them, if requested
};

/// Reports what makes no sense: settings that contradict each other or the network, patterns that fit nothing, counts
/// that cannot be reached.
PrunePoints make_prune_points(const PruneSetting& setting, const DenseConfig& network, const SweepSpec& spec,
                              Problems& problems);

}  // namespace espalier
