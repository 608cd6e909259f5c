#include "db/rows/rows_json.h"

#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace espalier {
namespace {

using nlohmann::ordered_json;

template <typename Value>
ordered_json value_or_null(const Value& value) {
  return value;
}
template <typename Value>
ordered_json value_or_null(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json parsed_or_null(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json::parse(text, nullptr, false);
}

}  // namespace

void to_json(ordered_json& json, const ResultRow& row) {
  json = ordered_json::object();
  visit_result_columns(row, [&](const char* name, const auto& value) { json[name] = value_or_null(value); });
}

void to_json(ordered_json& json, const SweepRow& row) {
  json = {{"label", row.label},
          {"state", row.state},
          {"created_at", row.created_at},
          {"changed_at", row.changed_at},
          {"trials", row.trials},
          {"trials_done", row.trials_done},
          {"trials_failed", row.trials_failed},
          {"trials_blocked", row.trials_blocked},
          {"trials_collapsed", row.trials_collapsed},
          {"stages", row.stages},
          {"stages_done", row.stages_done},
          {"stages_failed", row.stages_failed},
          {"running_attempts", row.running_attempts},
          {"last_finished_at", value_or_null(row.last_finished_at)}};
}

void to_json(ordered_json& json, const FailedStageRow& row) {
  json = {{"key", row.key},
          {"label", row.label},
          {"failure_kind", row.failure_kind},
          {"failure_message", row.failure_message},
          {"failure_cause", row.failure_cause},
          {"attempt", row.attempt},
          {"finished_at", row.finished_at},
          {"host", row.host},
          {"trials", row.trials}};
}

void to_json(ordered_json& json, const StageFailureRow& row) {
  json = {{"attempt", row.attempt},
          {"failed_at", row.failed_at},
          {"cause", row.cause},
          {"signal", value_or_null(row.signal)},
          {"exit_code", value_or_null(row.exit_code)},
          {"host", row.host},
          {"message", row.message},
          {"quarantined", row.quarantined}};
}

void to_json(ordered_json& json, const ChargedFailureRow& row) {
  json = {{"key", row.key},
          {"label", row.label},
          {"kind", row.kind},
          {"state", row.state},
          {"attempt", row.attempt},
          {"failed_at", row.failed_at},
          {"cause", row.cause},
          {"signal", value_or_null(row.signal)},
          {"exit_code", value_or_null(row.exit_code)},
          {"host", row.host},
          {"pool", row.pool},
          {"rank", row.rank},
          {"message", row.message},
          {"log", row.log},
          {"backtrace", row.backtrace},
          {"quarantined", row.quarantined},
          {"trials", row.trials}};
}

void to_json(ordered_json& json, const DivergedStageRow& row) {
  json = {{"key", row.key}, {"label", row.label}, {"seed", row.seed}, {"steps", row.steps}, {"trials", row.trials}};
}

void to_json(ordered_json& json, const StageRow& row) {
  json = {{"key", row.key}, {"kind", row.kind}, {"label", row.label}, {"state", row.state}};
}

void to_json(ordered_json& json, const StageInputRow& row) {
  json = {{"role", row.role}};
  json.update(ordered_json(row.stage));
}

void to_json(ordered_json& json, const AttemptRow& row) {
  json = {{"number", row.number},
          {"pool", row.pool},
          {"rank", row.rank},
          {"host", row.host},
          {"started_at", row.started_at},
          {"ended_at", value_or_null(row.ended_at)},
          {"how", row.how},
          {"why", row.why},
          {"cause", row.cause}};
}

void to_json(ordered_json& json, const StageDetails& details) {
  json = details.stage;
  json["seed"] = details.seed;
  json["spec"] = parsed_or_null(details.spec);
  json["cost"] = details.cost;
  json["planned_steps"] = details.planned_steps;
  json["attempt"] = value_or_null(details.attempt);
  json["finished_at"] = value_or_null(details.finished_at);
  json["wall_s"] = value_or_null(details.wall_s);
  json["steps"] = value_or_null(details.steps);
  json["diverged"] = details.diverged;
  json["collapsed"] = details.collapsed;
  json["connected"] = value_or_null(details.connected);
  json["dead_units"] = value_or_null(details.dead_units);
  json["effective_kept"] = value_or_null(details.effective_kept);
  json["warnings"] = details.warnings;
  json["best_validation_loss"] = value_or_null(details.best_validation_loss);
  json["test_accuracy_at_best_validation"] = value_or_null(details.test_accuracy_at_best_validation);
  json["accuracy"] = value_or_null(details.accuracy);
  json["loss"] = value_or_null(details.loss);
  json["artifact_sha256"] = details.artifact_sha256;
  json["artifact_bytes"] = value_or_null(details.artifact_bytes);
  json["failure_kind"] = details.failure_kind;
  json["failure_message"] = details.failure_message;
  json["failure_cause"] = details.failure_cause;
  json["note"] = details.note;
  json["environment"] = parsed_or_null(details.environment);
  json["inputs"] = details.inputs;
  json["users"] = details.users;
  json["attempts"] = details.attempts;
  json["failures"] = details.failures;
  json["trials"] = details.trials;
}

void to_json(ordered_json& json, const KindCostRow& row) {
  json = {{"kind", row.kind}, {"done", row.done}, {"wall_s", row.wall_s}, {"steps", row.steps}};
}

void to_json(ordered_json& json, const MaskOverlapRow& row) {
  json = {{"sweep", row.sweep},
          {"pairing", row.pairing},
          {"dataset", row.dataset},
          {"model", row.model},
          {"variant", row.variant},
          {"pruned_at_step", row.pruned_at_step},
          {"sparsity_target", row.sparsity_target}};
  for (const auto& [side, end] : {std::pair(&row.a, "_a"), std::pair(&row.b, "_b")}) {
    json[std::string("method") + end] = side->method;
    json[std::string("granularity") + end] = side->granularity;
    json[std::string("allocation") + end] = side->allocation;
    json[std::string("schedule") + end] = side->schedule;
    json[std::string("rounds") + end] = side->rounds;
    json[std::string("control") + end] = side->control;
    json[std::string("seed") + end] = side->seed;
    json[std::string("trial") + end] = side->trial;
    json[std::string("kept") + end] = side->kept;
    json[std::string("rate") + end] = value_or_null(side->rate);
  }
  json["kept_both"] = row.kept_both;
  json["jaccard"] = value_or_null(row.jaccard);
  json["chance"] = value_or_null(row.chance);
  json["corrected"] = value_or_null(row.corrected);
}

void to_json(ordered_json& json, const LayerDensityRow& row) {
  json = {{"sweep", row.sweep},
          {"dataset", row.dataset},
          {"model", row.model},
          {"variant", row.variant},
          {"seed", row.seed},
          {"method", row.method},
          {"granularity", row.granularity},
          {"allocation", row.allocation},
          {"schedule", row.schedule},
          {"rounds", row.rounds},
          {"retrain", row.retrain},
          {"control", row.control},
          {"sparsity_target", row.sparsity_target},
          {"position", row.position},
          {"layer", row.layer},
          {"total", row.total},
          {"kept", row.kept},
          {"effective", value_or_null(row.effective)},
          {"dead_units", value_or_null(row.dead_units)},
          {"trial_key", row.trial_key},
          {"pruned_at_step", row.pruned_at_step},
          {"rate", value_or_null(row.rate)}};
}

void to_json(ordered_json& json, const SensitivityRow& row) {
  json = {{"sweep", row.sweep},
          {"dataset", row.dataset},
          {"model", row.model},
          {"seed", row.seed},
          {"criterion", row.criterion},
          {"granularity", row.granularity},
          {"position", row.position},
          {"scope", row.scope},
          {"sparsity", row.sparsity},
          {"units", row.units},
          {"kept", row.kept},
          {"loss", value_or_null(row.loss)},
          {"loss_increase", value_or_null(row.loss_increase)},
          {"stage_key", row.stage_key}};
}

void to_json(ordered_json& json, const LatencyRow& row) {
  json = ordered_json::object();
  visit_latency_columns(row, [&](const char* name, const auto& value) { json[name] = value_or_null(value); });
}

}  // namespace espalier
