#include "cluster/protocol/wire.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

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
  result.dead_units = parts.count();
  result.effective_kept = parts.count();
  return result;
}

json to_wire(const std::optional<NetworkSize>& value) {
  return value ? json::array({value->parameters, value->madds, value->file_bytes}) : json();
}

std::optional<NetworkSize> network_size(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  NetworkSize result;
  result.parameters = parts.count();
  result.madds = parts.count();
  result.file_bytes = parts.count();
  return result;
}

std::optional<Failure> failure(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  Failure result;
  result.kind = parse_error_kind(parts.text());
  result.message = parts.prose();
  result.cause = parse_loss_cause(parts.text());
  result.damaged = parts.list([](const json& value) { return key_from_wire(value); });
  return result;
}

/// NaN is that of a network whose logits are not numbers.
double accuracy_of(double value) {
  if (!std::isnan(value) && !(value >= 0 && value <= 1)) refuse_message("an accuracy is out of range");
  return value;
}

bool is_of_classes(const EvaluationMetric& metric) {
  return metric.name == kAccuracy || metric.name == kLoss || metric.name == kClassAccuracy;
}

/// Accuracy, loss, the classes' accuracies and, where there are any, the other metrics.
json to_wire(const std::optional<Evaluation>& evaluation) {
  if (!evaluation) return {};
  json parts = json::array({evaluation->accuracy(), evaluation->loss(), evaluation->class_accuracies()});
  json others = json::array();
  for (const EvaluationMetric& metric : evaluation->metrics) {
    if (!is_of_classes(metric)) others.push_back({metric.name, metric.at, metric.value});
  }
  if (!others.empty()) parts.push_back(std::move(others));
  return parts;
}

std::optional<Evaluation> evaluation(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  const double accuracy = accuracy_of(parts.real());
  const double loss = parts.real();
  Evaluation result = Evaluation::of_classes(accuracy, loss, parts.list([](const json& value) {
    if (!value.is_number()) refuse_message("expected a number");
    return accuracy_of(value.get<double>());
  }));
  if (parts.at_end()) return result;
  for (EvaluationMetric& metric : parts.list([](const json& element) {
         Fields other(element);
         EvaluationMetric read;
         read.name = other.name();
         read.at = other.real_within(std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max());
         read.value = other.real();
         if (is_of_classes(read)) refuse_message("a metric is there twice");
         return read;
       }))
    result.metrics.push_back(std::move(metric));
  return result;
}

std::optional<double> optional_real(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  return fields.real();
}

/// "", or as many hexadecimal digits as a SHA-256 has.
std::string digest_text(Fields& fields) {
  const std::string text = fields.text();
  const bool is_hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!text.empty() && (text.size() != 64 || !is_hex)) refuse_message("expected a SHA-256");
  return text;
}

/// The value of a count that was not computed.
constexpr std::int64_t kNotCounted = -1;
constexpr double kLongestSeconds = 1e10;

json to_wire(const std::vector<LatencyMeasurement>& latencies) {
  json wire = json::array();
  for (const LatencyMeasurement& one : latencies) {
    json networks = json::array();
    for (const NetworkTimes& times : one.networks) {
      networks.push_back({times.network, times.samples_ms, times.peak_bytes, times.median_ms, times.p10_ms,
                          times.p90_ms, times.speedup, times.speedup_low, times.speedup_high});
    }
    wire.push_back({one.batch_size, std::move(networks), one.settled, one.busy_cores});
  }
  return wire;
}

NetworkTimes network_times_from_wire(const json& wire) {
  constexpr double kLongestMs = 1000 * kLongestSeconds, kMostTimes = 1e12;
  Fields fields(wire);
  NetworkTimes times;
  times.network = fields.name();
  times.samples_ms = fields.list([](const json& sample) {
    if (!sample.is_number() || !(sample.get<double>() >= 0 && sample.get<double>() <= kLongestMs))
      refuse_message("a time is out of range");
    return sample.get<double>();
  });
  times.peak_bytes = fields.count();
  for (double* ms : {&times.median_ms, &times.p10_ms, &times.p90_ms}) *ms = fields.real_within(0, kLongestMs);
  for (double* ratio : {&times.speedup, &times.speedup_low, &times.speedup_high})
    *ratio = fields.real_within(0, kMostTimes);
  return times;
}

LatencyMeasurement latency_from_wire(const json& wire) {
  constexpr double kMostCores = 1e6;
  Fields fields(wire);
  LatencyMeasurement latency;
  latency.batch_size = fields.count();
  latency.networks = fields.list(network_times_from_wire);
  latency.settled = fields.truth();
  latency.busy_cores = fields.real_within(0, kMostCores);
  return latency;
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

std::string prose_from_wire(const json& value) {
  constexpr std::size_t kLongest = 64U << 10;
  if (!value.is_string()) refuse_message("expected a text");
  std::string text = printable(value.get_ref<const std::string&>());
  if (text.size() > kLongest) text = text.substr(0, utf8_prefix(std::string_view(text).substr(0, kLongest))) + "...";
  return text;
}

std::string name_from_wire(const json& value) {
  constexpr std::size_t kLongest = 1000;
  if (!value.is_string()) refuse_message("expected a name");
  const std::string& text = value.get_ref<const std::string&>();
  if (text.empty() || text.size() > kLongest || printable(text) != text) refuse_message("a name is none");
  return text;
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
  if (kind >= kStageKinds) refuse_message("an unknown kind of stage");
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
  return json::array({bytes_of(outcome.key), outcome.attempt, std::move(failure), outcome.wall_s, outcome.first_step,
                      outcome.steps, outcome.artifact_sha256, outcome.artifact_bytes, outcome.diverged,
                      std::move(metrics), to_wire(outcome.best_validation_loss),
                      to_wire(outcome.test_accuracy_at_best_validation), to_wire(outcome.evaluation), std::move(layers),
                      to_wire(outcome.connectivity), outcome.collapsed, std::move(sensitivity), outcome.warnings,
                      to_wire(outcome.latencies), to_wire(outcome.shrunk_size)});
}

StageOutcome stage_outcome_from_wire(const json& wire) {
  Fields fields(wire);
  StageOutcome outcome;
  outcome.key = fields.key();
  outcome.attempt = fields.natural();
  outcome.failure = failure(fields);
  outcome.wall_s = fields.real_within(0, kLongestSeconds);
  outcome.first_step = fields.count();
  outcome.steps = fields.count();
  outcome.artifact_sha256 = digest_text(fields);
  outcome.artifact_bytes = fields.count();
  outcome.diverged = fields.truth();
  outcome.metrics = fields.list([](const json& element) {
    Fields parts(element);
    MetricPoint point;
    point.step = parts.count();
    point.name = parts.name();
    point.value = parts.real();
    return point;
  });
  outcome.best_validation_loss = optional_real(fields);
  outcome.test_accuracy_at_best_validation = optional_real(fields);
  outcome.evaluation = evaluation(fields);
  outcome.layers = fields.list([](const json& element) {
    Fields parts(element);
    LayerCount layer;
    layer.layer = parts.name();
    layer.total = parts.count();
    layer.requested = parts.count(kNotCounted);
    layer.kept = parts.count();
    layer.effective = parts.count(kNotCounted);
    layer.dead_units = parts.count(kNotCounted);
    return layer;
  });
  outcome.connectivity = connectivity(fields);
  outcome.collapsed = fields.truth();
  outcome.sensitivity = fields.list([](const json& element) {
    Fields parts(element);
    SensitivityPoint point;
    point.scope = parts.name();
    point.sparsity = parts.real_within(0, 1);
    point.units = parts.count();
    point.kept = parts.count();
    point.loss = parts.real();
    return point;
  });
  outcome.warnings = fields.list(prose_from_wire);
  outcome.latencies = fields.list(latency_from_wire);
  outcome.shrunk_size = network_size(fields);
  return outcome;
}

}  // namespace espalier
