#include "cluster/wire.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"

namespace espalier {

using nlohmann::json;

namespace {

// NaN and infinity are data; CBOR has them, so they travel as they are.
json to_wire(const std::optional<double>& value) {
  return value ? json(*value) : json();
}

json to_wire(const std::optional<Connectivity>& value) {
  return value ? json::array({value->connected, value->dead_units, value->effective_kept}) : json();
}

std::optional<Connectivity> connectivity(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  Connectivity result;
  result.connected = parts.truth();
  result.dead_units = parts.integer();
  result.effective_kept = parts.integer();
  return result;
}

std::optional<Failure> failure(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  Failure result;
  result.kind = parse_error_kind(parts.text());
  result.message = parts.text();
  result.cause = parse_loss_cause(parts.text());
  result.damaged = parts.list([](const json& value) { return key_from_wire(value); });
  return result;
}

std::optional<Evaluation> evaluation(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  Evaluation result;
  result.accuracy = parts.real();
  result.loss = parts.real();
  result.class_accuracy = parts.list([](const json& value) {
    if (!value.is_number()) refuse_message("expected a number");
    return value.get<double>();
  });
  return result;
}

std::optional<double> optional_real(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  return fields.real();
}

}  // namespace

void refuse_message(const std::string& what) {
  throw Error(ErrorKind::corrupt, "a message from the network is damaged: " + what);
}

StageKey key_from_wire(const json& value) {
  if (!value.is_binary()) refuse_message("expected bytes");
  const auto& raw = value.get_binary();
  StageKey key;
  if (raw.size() != key.digest.size()) refuse_message("a key has the wrong length");
  std::copy(raw.begin(), raw.end(), key.digest.begin());
  return key;
}

json bytes_of(std::string_view text) {
  return json::binary({text.begin(), text.end()});
}
json bytes_of(const StageKey& key) {
  return json::binary({key.digest.begin(), key.digest.end()});
}

json to_wire(const JobStage& stage) {
  json inputs = json::array();
  for (const auto& [role, key] : stage.inputs) inputs.push_back({static_cast<int>(role), bytes_of(key)});
  return json::array({bytes_of(stage.key), static_cast<int>(stage.kind), stage.seed, stage.spec, std::move(inputs),
                      stage.resume_from ? bytes_of(*stage.resume_from) : json(), stage.keep_resume_state,
                      stage.dataset_path, stage.model_path});
}

JobStage job_stage_from_wire(const json& wire) {
  Fields fields(wire);
  JobStage stage;
  stage.key = fields.key();
  const int kind = fields.small();
  if (kind > static_cast<int>(StageKind::noop)) refuse_message("an unknown kind of stage");
  stage.kind = static_cast<StageKind>(kind);
  stage.seed = fields.natural();
  stage.spec = fields.text();
  stage.inputs = fields.list([](const json& element) {
    Fields input(element);
    const int role = input.small();
    if (role > static_cast<int>(InputRole::sensitivity)) refuse_message("an unknown role of an input");
    return std::make_pair(static_cast<InputRole>(role), input.key());
  });
  if (!fields.absent()) stage.resume_from = fields.key();
  stage.keep_resume_state = fields.truth();
  stage.dataset_path = fields.text();
  stage.model_path = fields.text();
  return stage;
}

json to_wire(const StageOutcome& outcome) {
  json metrics = json::array();
  for (const MetricPoint& point : outcome.metrics) metrics.push_back({point.step, point.name, point.value});
  json layers = json::array();
  for (const LayerCount& layer : outcome.layers)
    layers.push_back({layer.layer, layer.total, layer.requested, layer.kept, layer.effective, layer.dead_units});
  json sensitivity = json::array();
  for (const SensitivityPoint& point : outcome.sensitivity)
    sensitivity.push_back({point.scope, point.sparsity, point.units, point.kept, point.loss});
  json failure;
  if (outcome.failure) {
    json damaged = json::array();
    for (const StageKey& key : outcome.failure->damaged) damaged.push_back(bytes_of(key));
    failure = json::array({std::string(to_string(outcome.failure->kind)), outcome.failure->message,
                           std::string(to_string(outcome.failure->cause)), std::move(damaged)});
  }
  json evaluation;
  if (outcome.evaluation) {
    evaluation = {outcome.evaluation->accuracy, outcome.evaluation->loss, outcome.evaluation->class_accuracy};
  }
  return json::array({bytes_of(outcome.key), outcome.attempt, std::move(failure), outcome.wall_s, outcome.first_step,
                      outcome.steps, outcome.artifact_sha256, outcome.artifact_bytes, outcome.diverged,
                      std::move(metrics), to_wire(outcome.best_validation_loss), to_wire(outcome.accuracy_best_val),
                      std::move(evaluation), std::move(layers), to_wire(outcome.connectivity), outcome.collapsed,
                      std::move(sensitivity), outcome.warnings});
}

StageOutcome stage_outcome_from_wire(const json& wire) {
  Fields fields(wire);
  StageOutcome outcome;
  outcome.key = fields.key();
  outcome.attempt = fields.natural();
  outcome.failure = failure(fields);
  outcome.wall_s = fields.real();
  outcome.first_step = fields.integer();
  outcome.steps = fields.integer();
  outcome.artifact_sha256 = fields.text();
  outcome.artifact_bytes = fields.integer();
  outcome.diverged = fields.truth();
  outcome.metrics = fields.list([](const json& element) {
    Fields parts(element);
    MetricPoint point;
    point.step = parts.integer();
    point.name = parts.text();
    point.value = parts.real();
    return point;
  });
  outcome.best_validation_loss = optional_real(fields);
  outcome.accuracy_best_val = optional_real(fields);
  outcome.evaluation = evaluation(fields);
  outcome.layers = fields.list([](const json& element) {
    Fields parts(element);
    LayerCount layer;
    layer.layer = parts.text();
    layer.total = parts.integer();
    layer.requested = parts.integer();
    layer.kept = parts.integer();
    layer.effective = parts.integer();
    layer.dead_units = parts.integer();
    return layer;
  });
  outcome.connectivity = connectivity(fields);
  outcome.collapsed = fields.truth();
  outcome.sensitivity = fields.list([](const json& element) {
    Fields parts(element);
    SensitivityPoint point;
    point.scope = parts.text();
    point.sparsity = parts.real();
    point.units = parts.integer();
    point.kept = parts.integer();
    point.loss = parts.real();
    return point;
  });
  outcome.warnings = fields.list([](const json& element) {
    if (!element.is_string()) refuse_message("expected a text");
    return element.get<std::string>();
  });
  return outcome;
}

}  // namespace espalier
