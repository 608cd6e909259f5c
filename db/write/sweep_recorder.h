#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/sqlite/prepared.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/trials/trial.h"

namespace espalier {

/// See Store::find_sweep. Errors: SQLite::Exception.
std::optional<std::int64_t> find_recorded_sweep(const SQLite::Database& database, const std::string& name,
                                                const std::vector<Trial>& trials, const StageGraph& graph);

/// A sweep as its user gave it.
struct SweepText {
  std::string yaml;
  std::vector<std::string> overrides;  ///< "train.epochs=2", in their order
};

/// Writes one sweep, inside the caller's transaction. Made for one call of record(). Errors: SQLite::Exception.
class SweepRecorder {
 public:
  explicit SweepRecorder(const SQLite::Database& database);

  /// See Store::record_sweep. `now`: seconds since 1970.
  std::int64_t record(const std::string& name, const SweepText& text, const std::vector<Trial>& trials,
                      const StageGraph& graph, double now);

 private:
  std::int64_t claim_label(const std::string& name, const std::string& digest, const SweepText& text, double now);
  void record_stages(std::int64_t sweep, const StageGraph& graph);
  std::int64_t stage_id(const Stage& stage);
  void record_trials(std::int64_t sweep, const std::vector<Trial>& trials, const StageGraph& graph);
  std::int64_t add_trial(const Trial& trial, const TrialStages& stages, std::int64_t train_steps);
  std::int64_t model_id(const ModelSpec& model);
  std::optional<std::int64_t> id_of(const std::optional<StageIndex>& stage) const;

  const SQLite::Database& database_;
  Prepared find_stage_, add_stage_, replan_stage_, find_new_cut_, add_cut_to_trials_;
  Prepared add_spec_, add_input_, add_sweep_stage_, find_trial_, add_dense_evaluate_, add_trial_, add_sweep_trial_,
      add_trial_stage_;
  std::vector<std::int64_t> stage_ids_;                            // parallel to the graph's stages
  std::unordered_map<const std::string*, std::int64_t> spec_ids_;  // stages that share a spec share the pointer
  std::vector<std::pair<ModelSpec, std::int64_t>> model_ids_;      // a handful
  std::vector<std::size_t> visited_;                               // by stage: the last trial whose walk met it, plus 1
};

}  // namespace espalier
