#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/read/measured_cost.h"
#include "db/rows/failure_row.h"
#include "db/rows/latency_row.h"
#include "db/rows/layer_rows.h"
#include "db/rows/mask_overlap_row.h"
#include "db/rows/result_row.h"
#include "db/rows/stage_row.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/stages/outcome.h"

namespace espalier {

/// Which results; an empty field admits all.
struct ResultFilter {
  std::string sweep;  ///< label
  std::string dataset, model, method, schedule, control;
  std::optional<double> sparsity_target;
  bool operator==(const ResultFilter&) const = default;
};

/// Which trials of a sweep: those with a result, or all that it has.
enum class Which { with_results, all };

/// Reads a store, whether or not a coordinator is writing it. Never writes, never checkpoints. Every call sees all that
/// was durable when it began. One thread. Errors of every member: ErrorKind::unavailable if the database stays locked,
/// ErrorKind::corrupt if it is damaged.
class StoreReader {
 public:
  /// Errors: ErrorKind::invalid_input, with what to do, if there is no store, or one of another version.
  explicit StoreReader(const std::filesystem::path& root);
  ~StoreReader();
  StoreReader(StoreReader&&) noexcept;

  /// Ordered by sweep and expansion. Errors: ErrorKind::invalid_input for a value that no trial of the sweep has (of
  /// the store, without a sweep), with those that there are.
  std::vector<ResultRow> results(const ResultFilter& filter = {}, Which which = Which::with_results) const;

  /// In the order they were first run.
  std::vector<SweepRow> sweeps() const;

  /// Newest first, `limit` at most. `sweep`: a label, or "" for all. Errors: as results.
  std::vector<FailedStageRow> failures(const std::string& sweep = "", std::int64_t limit = 1000) const;

  /// The failures that were charged to stages of a sweep, newest first, `limit` at most. Errors: as results.
  std::vector<ChargedFailureRow> charged_failures(const std::string& sweep, std::int64_t limit = 1000) const;
  /// Trainings of a sweep that diverged, `limit` at most. Errors: as results.
  std::vector<DivergedStageRow> diverged_stages(const std::string& sweep, std::int64_t limit = 1000) const;
  /// Every trial of a sweep and what became of it, in the order of expansion. Errors: as results.
  std::vector<TrialFateRow> trial_fates(const std::string& sweep) const;
  /// How many stages each host has done, by kind. Errors: as results.
  std::vector<HostWorkRow> work_by_host(const std::string& sweep) const;
  /// How many jobs of whatever sweep each host has finished since then (seconds since 1970). Errors: as results.
  std::map<std::string, std::int64_t> jobs_finished_by_host(double since) const;

  /// `name`: the first digits of its key, or its label.
  /// Errors: ErrorKind::invalid_input if it names none, or several (the first ten are in the message).
  StageDetails stage(const std::string& name) const;

  /// The curves of a training, by name and step. `key`: 64 digits.
  std::vector<MetricPoint> metrics(const std::string& key) const;

  /// The rows of the view mask_overlap of a sweep; empty until the sweep ended once. Errors: as results.
  std::vector<MaskOverlapRow> mask_overlaps(const std::string& sweep) const;
  /// The masks of a sweep's pruned trials that are done, in the order of expansion. Errors: as results.
  std::vector<TrialMasksRow> trial_masks(const std::string& sweep) const;

  /// The rows of the views layer_density and sensitivity of a sweep. Errors: as results.
  std::vector<LayerDensityRow> layer_densities(const std::string& sweep) const;
  std::vector<SensitivityRow> sensitivities(const std::string& sweep) const;
  /// The rows of the view latency of a sweep ("": of all). Errors: as results.
  std::vector<LatencyRow> latencies(const std::string& sweep) const;

  /// Where an attempt ran. Errors: ErrorKind::invalid_input if there was none of that number.
  AttemptPlace attempt_place(std::uint64_t attempt) const;

  std::vector<KindCostRow> measured_costs() const;

  /// Which stages of the graph are done (parallel to graph.stages), by the rows; artifacts are not checked. One
  /// whose artifact was cleared away is not.
  std::vector<bool> done_stages(const StageGraph& graph) const;

  /// What trainings took on this host.
  MeasuredCost measured_cost() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
