#include "db/write/sweep_recorder.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "experiments/models/model_description.h"
#include "experiments/pruning/network_size.h"

namespace espalier {
namespace {

/// What makes two sweeps the same: the name, which trials, which stages; not the YAML's spelling nor the order of its
/// axes.
std::string spec_digest(const std::string& name, const std::vector<Trial>& trials, const StageGraph& graph) {
  std::vector<StageKey> keys;
  keys.reserve(trials.size() + graph.stages.size());
  for (const Trial& trial : trials) keys.push_back(trial.key);
  std::sort(keys.begin(), keys.end());
  for (const Stage& stage : graph.stages) keys.push_back(stage.key);
  std::sort(keys.begin() + static_cast<std::ptrdiff_t>(trials.size()), keys.end());
  std::string text = name + '\n' + std::to_string(trials.size()) + '\n';
  for (const StageKey& key : keys) text.append(key.digest.begin(), key.digest.end());
  return to_hex(sha256(text));
}

/// Every stage behind `stages`' result, cuts that its trainings resumed from included, in no particular order.
/// `visited` marks stages already met with `mark`.
std::vector<StageIndex> stages_behind(const TrialStages& stages, const StageGraph& graph,
                                      std::vector<std::size_t>& visited, std::size_t mark) {
  std::vector<StageIndex> found;
  const auto meet = [&](StageIndex stage) {
    if (std::exchange(visited[stage], mark) != mark) found.push_back(stage);
  };
  meet(stages.evaluate);
  if (stages.masks) meet(*stages.masks);
  if (stages.last_train) meet(*stages.last_train);
  for (std::size_t next = 0; next < found.size(); ++next) {
    const Stage& stage = graph.stages[found[next]];
    for (const StageInput& input : stage.inputs) meet(input.stage);
    if (stage.resume_from) meet(*stage.resume_from);
  }
  return found;
}

std::optional<std::int64_t> find_by_digest(const SQLite::Database& database, const std::string& digest) {
  return Prepared(database, "SELECT id FROM sweeps WHERE spec_sha256 = ?").integer(digest);
}

}  // namespace

std::optional<std::int64_t> find_recorded_sweep(const SQLite::Database& database, const std::string& name,
                                                const std::vector<Trial>& trials, const StageGraph& graph) {
  return find_by_digest(database, spec_digest(name, trials, graph));
}

SweepRecorder::SweepRecorder(const SQLite::Database& database)
    : database_(database),
      find_stage_(database, "SELECT id FROM stages WHERE key = ?"),
      add_stage_(database,
                 "INSERT INTO stages (key, kind, seed, spec_id, label, resume_from, cost, planned_steps)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      replan_stage_(database,
                    "UPDATE stages SET label = ?2, resume_from = ?3, cost = ?4, planned_steps = ?5"
                    " WHERE id = ?1 AND state != 'done'"),
      find_new_cut_(database, "SELECT 1 FROM stages WHERE id = ?1 AND state != 'done' AND resume_from IS NOT ?2"),
      add_cut_to_trials_(database,
                         "WITH RECURSIVE cuts (id) AS (SELECT ?2 UNION"
                         " SELECT s.resume_from FROM stages s JOIN cuts USING (id) WHERE s.resume_from IS NOT NULL)"
                         "INSERT OR IGNORE INTO trial_stages (trial_id, stage_id)"
                         " SELECT t.trial_id, c.id FROM trial_stages t JOIN cuts c WHERE t.stage_id = ?1"),
      add_spec_(database, "INSERT INTO specs (json) VALUES (?)"),
      add_input_(database, "INSERT OR IGNORE INTO stage_inputs (stage_id, role, input_id) VALUES (?, ?, ?)"),
      add_sweep_stage_(database, "INSERT OR IGNORE INTO sweep_stages (sweep_id, stage_id) VALUES (?, ?)"),
      find_trial_(database, "SELECT id FROM trials WHERE key = ?"),
      add_dense_evaluate_(database,
                          "UPDATE trials SET dense_evaluate_stage = ?2 WHERE id = ?1 AND dense_evaluate_stage IS NULL"),
      add_trial_(
          database,
          "INSERT INTO trials (key, model_id, seed, method, criterion, granularity, allocation, schedule, rounds,"
          " retrain, control, sparsity_target, pruned_at_step, train_steps, evaluate_stage, masks_stage,"
          " last_train_stage, dense_evaluate_stage)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      add_sweep_trial_(database,
                       "INSERT OR IGNORE INTO sweep_trials (sweep_id, trial_id, position, dataset, variant, rate, "
                       "later_rounds_score, latency_stage)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      add_trial_stage_(database, "INSERT OR IGNORE INTO trial_stages (trial_id, stage_id) VALUES (?, ?)") {}

std::int64_t SweepRecorder::record(const std::string& name, const SweepText& text, const std::vector<Trial>& trials,
                                   const StageGraph& graph, double now) {
  const std::string digest = spec_digest(name, trials, graph);
  const bool known = find_by_digest(database_, digest).has_value();
  const std::int64_t sweep = claim_label(name, digest, text, now);
  if (known) return sweep;
  record_stages(sweep, graph);
  record_trials(sweep, trials, graph);
  return sweep;
}

std::int64_t SweepRecorder::claim_label(const std::string& name, const std::string& digest, const SweepText& text,
                                        double now) {
  Prepared(database_,
           "UPDATE sweeps SET label = name || '@' || edition WHERE name = ? AND spec_sha256 != ? AND label = name")
      .run(name, digest);
  return *Prepared(
              database_,
              "INSERT INTO sweeps (name, edition, label, spec_sha256, yaml, overrides, created_at, changed_at) VALUES"
              " (?1, (SELECT coalesce(max(edition), 0) + 1 FROM sweeps WHERE name = ?1), ?1, ?2, ?3, ?4, ?5, ?5)"
              " ON CONFLICT (spec_sha256) DO UPDATE SET label = excluded.name, yaml = excluded.yaml,"
              " overrides = excluded.overrides RETURNING id")
              .integer(name, digest, text.yaml, nlohmann::json(text.overrides).dump(), now);
}

void SweepRecorder::record_stages(std::int64_t sweep, const StageGraph& graph) {
  stage_ids_.reserve(graph.stages.size());
  for (const Stage& stage : graph.stages) {
    const std::int64_t id = stage_id(stage);
    stage_ids_.push_back(id);
    add_sweep_stage_.run(sweep, id);
    for (const StageInput& input : stage.inputs) {
      add_input_.run(id, std::string(to_string(input.role)), stage_ids_[input.stage]);
    }
  }
}

std::int64_t SweepRecorder::stage_id(const Stage& stage) {
  const std::string key = to_hex(stage.key);
  const auto resume_from = id_of(stage.resume_from);
  if (const auto known = find_stage_.integer(key)) {
    // Trials recorded by other sweeps, too, now have the cuts behind them.
    if (resume_from && find_new_cut_.integer(*known, *resume_from)) add_cut_to_trials_.run(*known, *resume_from);
    replan_stage_.run(*known, stage.label, resume_from, stage.cost, stage.steps);
    return *known;
  }
  const auto [spec, is_new] = spec_ids_.try_emplace(stage.spec.get(), 0);
  if (is_new) spec->second = add_spec_.insert(stage.spec ? *stage.spec : std::string("{}"));
  return add_stage_.insert(key, std::string(to_string(stage.kind)), stage.seed, spec->second, stage.label, resume_from,
                           stage.cost, stage.steps);
}

std::optional<std::int64_t> SweepRecorder::id_of(const std::optional<StageIndex>& stage) const {
  if (!stage) return std::nullopt;
  return stage_ids_[*stage];
}

void SweepRecorder::record_trials(std::int64_t sweep, const std::vector<Trial>& trials, const StageGraph& graph) {
  visited_.assign(graph.stages.size(), 0);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const std::vector<StageIndex> behind = stages_behind(graph.trials[i], graph, visited_, i + 1);
    std::optional<std::int64_t> trial = find_trial_.integer(to_hex(trials[i].key));
    if (!trial) {
      std::int64_t train_steps = 0;
      for (const StageIndex stage : behind) train_steps += graph.stages[stage].steps;
      trial = add_trial(trials[i], graph.trials[i], train_steps);
      for (const StageIndex stage : behind) add_trial_stage_.run(*trial, stage_ids_[stage]);
    } else if (const auto dense_evaluate = id_of(graph.trials[i].dense_evaluate)) {
      add_dense_evaluate_.run(*trial, *dense_evaluate);  // the earlier sweep may have had no dense networks
    }
    const TrialConfig& config = *trials[i].config;
    add_sweep_trial_.run(sweep, *trial, i, config.dataset_name, config.variant,
                         config.prune ? config.prune->rate : std::nullopt, later_rounds_score(config),
                         id_of(graph.trials[i].latency));
  }
}

std::int64_t SweepRecorder::add_trial(const Trial& trial, const TrialStages& stages, std::int64_t train_steps) {
  const TrialConfig& config = *trial.config;
  const PruneConfig unpruned;
  const PruneConfig& prune = config.prune ? *config.prune : unpruned;
  return add_trial_.insert(to_hex(trial.key), model_id(config.model), trial.seed, config.method, prune.criterion,
                           config.prune ? prune.named_granularity : std::string(), prune.allocation, prune.schedule,
                           prune.rounds.size(), config.retrain.name, std::string(to_string(config.control)),
                           prune.sparsity_target, prune.at_step, train_steps, stage_ids_[stages.evaluate],
                           id_of(stages.masks), id_of(stages.last_train), id_of(stages.dense_evaluate));
}

std::int64_t SweepRecorder::model_id(const ModelSpec& model) {
  for (const auto& [known, id] : model_ids_) {
    if (known == model) return id;
  }
  const ModelDescription description = describe_model(model);
  const ModelCounts counts = count_model(description);
  const auto& [channels, height, width] = model.input;
  Prepared(database_,
           "INSERT OR IGNORE INTO models (name, channels, height, width, classes, parameters, prunable, madds)"
           " VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .run(model.name, channels, height, width, model.classes, counts.parameters, counts.prunable, counts.madds);
  const std::int64_t id = *Prepared(database_,
                                    "SELECT id FROM models WHERE name = ? AND channels = ? AND height = ? AND width = ?"
                                    " AND classes = ?")
                               .integer(model.name, channels, height, width, model.classes);
  if (description.graph) {  // a row of before has none
    Prepared(database_, "UPDATE models SET file_bytes = ? WHERE id = ? AND file_bytes IS NULL")
        .run(size_of(description).file_bytes, id);
  }
  Prepared add_layer(
      database_,
      "INSERT OR IGNORE INTO model_layers (model_id, position, layer, weights, madds) VALUES (?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const PrunableLayer& layer : prunable_layers(description)) {
    add_layer.run(id, position++, layer.name, layer.weights, layer.madds);
  }
  model_ids_.emplace_back(model, id);
  return id;
}

}  // namespace espalier
