// Every message is a CBOR array [tag, field, field, ...]: positions instead of names keep the hot messages (jobs,
// outcomes) small. A field added later goes to the end. Encoding and decoding stand side by side for each struct.
#include "cluster/protocol.h"

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace espalier {
namespace {

using nlohmann::json;

constexpr std::size_t kMostElements = 1U << 20;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::corrupt, "a message from the network is damaged: " + what);
}

json bytes_of(std::string_view text) {
  return json::binary({text.begin(), text.end()});
}
json bytes_of(const StageKey& key) {
  return json::binary({key.digest.begin(), key.digest.end()});
}

/// Reads the fields of one array in order, checking each one's type.
class Fields {
 public:
  explicit Fields(const json& array) : array_(array) {
    if (!array.is_array() || array.size() > kMostElements) refuse("expected an array");
  }
  const json& next() {
    if (position_ >= array_.size()) refuse("a field is missing");
    return array_[position_++];
  }
  std::int64_t integer() {
    const json& value = next();
    if (!value.is_number_integer()) refuse("expected a whole number");
    return value.get<std::int64_t>();
  }
  std::uint64_t natural() {
    const json& value = next();
    if (!value.is_number_unsigned()) refuse("expected a natural number");
    return value.get<std::uint64_t>();
  }
  int small() {
    const std::int64_t value = integer();
    if (value < 0 || value > std::numeric_limits<int>::max()) refuse("a number is out of range");
    return static_cast<int>(value);
  }
  double real() {
    const json& value = next();
    if (!value.is_number()) refuse("expected a number");
    return value.get<double>();
  }
  bool truth() {
    const json& value = next();
    if (!value.is_boolean()) refuse("expected true or false");
    return value.get<bool>();
  }
  std::string text() {
    const json& value = next();
    if (!value.is_string()) refuse("expected a text");
    return value.get<std::string>();
  }
  std::string bytes() {
    const json& value = next();
    if (!value.is_binary()) refuse("expected bytes");
    const auto& binary = value.get_binary();
    return {binary.begin(), binary.end()};
  }
  StageKey key() {
    const std::string raw = bytes();
    StageKey result;
    if (raw.size() != result.digest.size()) refuse("a key has the wrong length");
    std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(result.digest.data()));
    return result;
  }
  template <typename Read>
  auto list(Read read) {
    const json& value = next();
    if (!value.is_array() || value.size() > kMostElements) refuse("expected a list");
    std::vector<decltype(read(value))> result;
    result.reserve(value.size());
    for (const json& element : value) result.push_back(read(element));
    return result;
  }
  bool absent() {
    if (position_ < array_.size() && array_[position_].is_null()) {
      ++position_;
      return true;
    }
    return false;
  }

 private:
  const json& array_;
  std::size_t position_ = 0;
};

// --- jobs

json to_wire(const JobStage& stage) {
  json inputs = json::array();
  for (const auto& [role, key] : stage.inputs) inputs.push_back({static_cast<int>(role), bytes_of(key)});
  return json::array({bytes_of(stage.key), static_cast<int>(stage.kind), stage.seed, stage.spec, std::move(inputs),
                      stage.resume_from ? bytes_of(*stage.resume_from) : json(), stage.keep_resume_state,
                      stage.dataset_path});
}

JobStage job_stage(const json& wire) {
  Fields fields(wire);
  JobStage stage;
  stage.key = fields.key();
  const int kind = fields.small();
  if (kind > static_cast<int>(StageKind::noop)) refuse("an unknown kind of stage");
  stage.kind = static_cast<StageKind>(kind);
  stage.seed = fields.natural();
  stage.spec = fields.text();
  stage.inputs = fields.list([](const json& element) {
    Fields input(element);
    const int role = input.small();
    if (role > static_cast<int>(InputRole::masks)) refuse("an unknown role of an input");
    return std::make_pair(static_cast<InputRole>(role), input.key());
  });
  if (!fields.absent()) stage.resume_from = fields.key();
  stage.keep_resume_state = fields.truth();
  stage.dataset_path = fields.text();
  return stage;
}

// --- outcomes

// NaN and infinity are data; CBOR has them, so they travel as they are.
json to_wire(const std::optional<double>& value) {
  return value ? json(*value) : json();
}

json to_wire(const StageOutcome& outcome) {
  json metrics = json::array();
  for (const MetricPoint& point : outcome.metrics) metrics.push_back({point.step, point.name, point.value});
  json layers = json::array();
  for (const LayerCount& layer : outcome.layers)
    layers.push_back({layer.layer, layer.total, layer.requested, layer.kept});
  json failure;
  if (outcome.failure) failure = {std::string(to_string(outcome.failure->kind)), outcome.failure->message};
  json evaluation;
  if (outcome.evaluation) {
    evaluation = {outcome.evaluation->accuracy, outcome.evaluation->loss, outcome.evaluation->class_accuracy};
  }
  return json::array({bytes_of(outcome.key), outcome.attempt, std::move(failure), outcome.wall_s, outcome.first_step,
                      outcome.steps, outcome.artifact_sha256, outcome.artifact_bytes, outcome.diverged,
                      std::move(metrics), to_wire(outcome.best_validation_loss), to_wire(outcome.accuracy_best_val),
                      std::move(evaluation), std::move(layers)});
}

std::optional<Failure> failure(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  Failure result;
  result.kind = parse_error_kind(parts.text());
  result.message = parts.text();
  return result;
}

std::optional<Evaluation> evaluation(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  Fields parts(fields.next());
  Evaluation result;
  result.accuracy = parts.real();
  result.loss = parts.real();
  result.class_accuracy = parts.list([](const json& value) {
    if (!value.is_number()) refuse("expected a number");
    return value.get<double>();
  });
  return result;
}

std::optional<double> optional_real(Fields& fields) {
  if (fields.absent()) return std::nullopt;
  return fields.real();
}

StageOutcome stage_outcome(const json& wire) {
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
    return layer;
  });
  return outcome;
}

// --- variants: the tag is the index of the alternative

json fields_of(const Challenge& m) {
  return {m.version, bytes_of(m.nonce)};
}
json fields_of(const Hello& m) {
  return {m.version, static_cast<int>(m.role), bytes_of(m.nonce), bytes_of(m.proof)};
}
json fields_of(const Welcome& m) {
  return {bytes_of(m.proof), m.name};
}
json fields_of(const Refused& m) {
  return json::array({m.why});
}
json fields_of(const PoolDescription& m) {
  return {m.label, m.host, m.pid, m.ranks, m.numerics_epoch};
}
json fields_of(const ToRank& m) {
  return {m.rank, bytes_of(m.commands)};
}
json fields_of(const FromRank& m) {
  return {m.rank, bytes_of(m.reports)};
}
json fields_of(const Leave&) {
  return json::array();
}
json fields_of(const Leaving&) {
  return json::array();
}
json fields_of(const Heartbeat&) {
  return json::array();
}
json fields_of(const Cancel&) {
  return json::array();
}
json fields_of(const Done&) {
  return json::array();
}

json fields_of(const RunJob& m) {
  json stages = json::array();
  for (const JobStage& stage : m.job.stages) stages.push_back(to_wire(stage));
  return json::array({m.job.attempt, std::move(stages)});
}
json fields_of(const StopJob& m) {
  return json::array({m.attempt});
}
json fields_of(const RankReady& m) {
  return json::array({m.environment});
}
json fields_of(const StageReached& m) {
  return json::array({to_wire(m.outcome)});
}
json fields_of(const JobEnded& m) {
  return json::array({m.attempt, m.interrupted});
}
json fields_of(const JobProgress& m) {
  return json::array({m.attempt, bytes_of(m.stage), m.step, m.end_step, m.loss});
}

void read(Fields& f, Challenge& m) {
  m.version = f.small(), m.nonce = f.bytes();
}
void read(Fields& f, Hello& m) {
  m.version = f.small();
  const int role = f.small();
  if (role > static_cast<int>(Role::client)) refuse("an unknown role");
  m.role = static_cast<Role>(role);
  m.nonce = f.bytes();
  m.proof = f.bytes();
}
void read(Fields& f, Welcome& m) {
  m.proof = f.bytes(), m.name = f.text();
}
void read(Fields& f, Refused& m) {
  m.why = f.text();
}
void read(Fields& f, PoolDescription& m) {
  m.label = f.text();
  m.host = f.text();
  m.pid = f.integer();
  m.ranks = f.small();
  m.numerics_epoch = f.small();
}
void read(Fields& f, ToRank& m) {
  m.rank = f.small(), m.commands = f.bytes();
}
void read(Fields& f, FromRank& m) {
  m.rank = f.small(), m.reports = f.bytes();
}
void read(Fields&, Leave&) {}
void read(Fields&, Leaving&) {}
void read(Fields&, Heartbeat&) {}
void read(Fields&, Cancel&) {}
void read(Fields&, Done&) {}
void read(Fields& f, RunJob& m) {
  m.job.attempt = f.natural();
  m.job.stages = f.list(job_stage);
}
void read(Fields& f, StopJob& m) {
  m.attempt = f.natural();
}
void read(Fields& f, RankReady& m) {
  m.environment = f.text();
}
void read(Fields& f, StageReached& m) {
  m.outcome = stage_outcome(f.next());
}
void read(Fields& f, JobEnded& m) {
  m.attempt = f.natural(), m.interrupted = f.truth();
}
void read(Fields& f, JobProgress& m) {
  m.attempt = f.natural();
  m.stage = f.key();
  m.step = f.integer();
  m.end_step = f.integer();
  m.loss = f.real();
}

template <typename Variant>
json to_wire_variant(const Variant& value) {
  return std::visit([&](const auto& m) { return json::array({value.index(), fields_of(m)}); }, value);
}

template <typename Variant, std::size_t... Index>
Variant from_wire_variant(const json& wire, std::index_sequence<Index...>) {
  Fields outer(wire);
  const std::uint64_t tag = outer.natural();
  Fields inner(outer.next());
  Variant result;
  const bool known = ((tag == Index ? (read(inner, result.template emplace<Index>()), true) : false) || ...);
  if (!known) refuse("an unknown kind of message, " + std::to_string(tag));
  return result;
}

template <typename Variant>
Variant from_wire_variant(const json& wire) {
  return from_wire_variant<Variant>(wire, std::make_index_sequence<std::variant_size_v<Variant>>());
}

std::string to_cbor_text(const json& value) {
  std::string bytes;
  json::to_cbor(value, bytes);
  return bytes;
}

template <typename Read>
auto decode(std::string_view bytes, Read read_wire) {
  try {
    return read_wire(json::from_cbor(bytes.begin(), bytes.end()));
  } catch (const json::exception& error) {
    refuse(error.what());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::corrupt) throw;
    refuse(error.what());
  }
}

template <typename Variant>
std::string encode_list(const std::vector<Variant>& values) {
  json wire = json::array();
  for (const Variant& value : values) wire.push_back(to_wire_variant(value));
  return to_cbor_text(wire);
}

template <typename Variant>
std::vector<Variant> decode_list(std::string_view bytes) {
  return decode(bytes, [](const json& wire) {
    if (!wire.is_array()) refuse("expected a list");
    std::vector<Variant> values;
    values.reserve(wire.size());
    for (const json& element : wire) values.push_back(from_wire_variant<Variant>(element));
    return values;
  });
}

}  // namespace

std::string encode(const Message& message) {
  return to_cbor_text(to_wire_variant(message));
}
Message decode_message(std::string_view bytes) {
  return decode(bytes, [](const json& wire) { return from_wire_variant<Message>(wire); });
}
std::string encode(const std::vector<RankCommand>& commands) {
  return encode_list(commands);
}
std::vector<RankCommand> decode_commands(std::string_view bytes) {
  return decode_list<RankCommand>(bytes);
}
std::string encode(const std::vector<RankReport>& reports) {
  return encode_list(reports);
}
std::vector<RankReport> decode_reports(std::string_view bytes) {
  return decode_list<RankReport>(bytes);
}

}  // namespace espalier
