#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/read/measured_cost.h"
#include "experiments/graph/stage_graph.h"

namespace espalier {

/// Without a measurement: seconds per unit of Stage::cost of a core on small networks. Only for the first estimate.
inline constexpr double kAssumedSecondsPerCost = 1 / 3e10;

/// How long stages take in a simulation: cost times seconds per cost, times a factor of a lognormal distribution.
struct DurationModel {
  std::optional<double> seconds_per_cost;       ///< the median, if sigma is not 0; none: as measured
  double sigma = 0;                             ///< standard deviation of the factor's logarithm; 0: the factor is 1
  std::map<std::string, double> by_model = {};  ///< measured, in place of seconds_per_cost; see MeasuredCost
};

/// "measured", a number of seconds per cost, "lognormal:SIGMA" or "lognormal:SIGMA:SECONDS_PER_COST".
/// Errors: ErrorKind::invalid_input for anything else.
DurationModel parse_duration_model(std::string_view text);

/// The names of the models whose trainings the graph has and which were not measured, sorted.
std::vector<std::string> models_not_measured(const StageGraph& graph, const MeasuredCost& measured);

/// Weighs Stage::cost by what a multiply-add of the stage's model takes (seconds, by ModelSpec::name), relative to
/// `reference` seconds, so that costs of different models add up to work. A model that was not measured keeps its cost.
void weigh_by_model(StageGraph& graph, const std::map<std::string, double>& by_model, double reference);

/// Turns Stage::cost into seconds: by the rate of the stage's model, the overall one where it was not measured, or
/// kAssumedSecondsPerCost where nothing was.
void cost_in_seconds(StageGraph& graph, const MeasuredCost& measured);

/// Seconds, parallel to graph.stages; ranks that train together share the work without loss. A stage's factor is drawn
/// from the stream that `seed` and its key name, so it is the same whatever else the graph has. `model` must have its
/// seconds_per_cost.
std::vector<double> draw_stage_durations(const StageGraph& graph, const DurationModel& model, std::uint64_t seed);

}  // namespace espalier
