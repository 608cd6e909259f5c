// Every message is a CBOR array [tag, [field, field, ...]]: positions instead of names keep the hot messages (jobs,
// outcomes) small. A field added later goes to the end. Writing and reading stand side by side.
#include "cluster/protocol/protocol.h"

#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cluster/protocol/wire.h"
#include "cluster/protocol/wire_scan.h"

namespace espalier {
namespace {

using nlohmann::json;

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
  return {m.label,  m.host,           m.pid,
          m.ranks,  m.numerics_epoch, bytes_of(m.identity),
          m.labels, m.clock,          m.seconds_left ? json(*m.seconds_left) : json()};
}
json fields_of(const ToRank& m) {
  return {m.rank, bytes_of(m.commands)};
}
json fields_of(const FromRank& m) {
  return {m.rank, bytes_of(m.reports), m.sequence};
}
json fields_of(const Leave&) {
  return json::array();
}
json fields_of(const Leaving& m) {
  return json::array({std::string(to_string(m.cause))});
}
json fields_of(const Heartbeat&) {
  return json::array();
}
json fields_of(const Recorded& m) {
  return json::array({m.sequence});
}
json fields_of(const Ask& m) {
  return {m.question, m.arguments};
}
json fields_of(const Answer& m) {
  return json::array({m.understood, m.text});
}

json fields_of(const StoreHere& m) {
  return json::array({bytes_of(m.probe)});
}
json to_wire(const FileName& file) {
  return json::array({static_cast<int>(file.kind), file.name});
}
json fields_of(const FetchFile& m) {
  return json::array({m.rank, to_wire(m.file), bytes_of(m.stage), m.offset});
}
json fields_of(const FilePiece& m) {
  return json::array({m.rank, to_wire(m.file), m.offset, m.total, bytes_of(StageKey{m.sha256}), bytes_of(m.bytes)});
}
json fields_of(const FileMissing& m) {
  return json::array({m.rank, to_wire(m.file), m.why});
}
json fields_of(const OfferFile& m) {
  return json::array({m.rank, to_wire(m.file), bytes_of(m.stage), m.total, bytes_of(StageKey{m.sha256})});
}
json fields_of(const FileStored& m) {
  return json::array({m.rank, to_wire(m.file), bytes_of(StageKey{m.sha256}), m.why});
}

json fields_of(const RunJob& m) {
  json stages = json::array();
  for (const JobStage& stage : m.job.stages) stages.push_back(to_wire(stage));
  return json::array({m.job.attempt, std::move(stages), m.alone, m.gang});
}
json fields_of(const StopJob& m) {
  return json::array({m.attempt});
}
json fields_of(const RankReady& m) {
  return json::array({m.environment, m.host, m.held, m.gpu.empty() ? json() : json(m.gpu), m.memory_gb, m.cores});
}
json fields_of(const StageReached& m) {
  return json::array({to_wire(m.outcome)});
}
json fields_of(const JobEnded& m) {
  return json::array({m.attempt, m.interrupted, m.started, m.progressed, std::string(to_string(m.cause))});
}
json fields_of(const JobProgress& m) {
  return json::array({m.attempt, bytes_of(m.stage), m.step, m.end_step, m.loss});
}

constexpr double kLatestClock = 1e12;  // seconds since 1970
constexpr double kMostMemoryGb = 1e9;

void read(Fields& f, Challenge& m) {
  m.version = f.small(), m.nonce = f.bytes();
}
void read(Fields& f, Hello& m) {
  m.version = f.small();
  const int role = f.small();
  if (role > static_cast<int>(Role::reader)) refuse_message("an unknown role");
  m.role = static_cast<Role>(role);
  m.nonce = f.bytes();
  m.proof = f.bytes();
}
void read(Fields& f, Welcome& m) {
  m.proof = f.bytes(), m.name = f.text();
}
void read(Fields& f, Refused& m) {
  m.why = f.prose();
}
void read(Fields& f, PoolDescription& m) {
  m.label = f.name();
  m.host = f.name();
  m.pid = f.count();
  m.ranks = f.small();
  m.numerics_epoch = f.small();
  m.identity = f.bytes();
  m.labels = f.list(name_from_wire);
  m.clock = f.real_within(0, kLatestClock);
  if (!f.absent()) m.seconds_left = f.count();
}
void read(Fields& f, ToRank& m) {
  m.rank = f.small(), m.commands = f.bytes();
}
void read(Fields& f, FromRank& m) {
  m.rank = f.small(), m.reports = f.bytes(), m.sequence = f.natural();
}
void read(Fields&, Leave&) {}
void read(Fields& f, Leaving& m) {
  m.cause = parse_loss_cause(f.text());
}
void read(Fields&, Heartbeat&) {}
void read(Fields& f, Recorded& m) {
  m.sequence = f.natural();
}
void read(Fields& f, Ask& m) {
  m.question = f.text(), m.arguments = f.text();
}
void read(Fields& f, Answer& m) {
  m.understood = f.truth(), m.text = f.text();
}
int rank_from_wire(const json& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<int>::max()) {
    refuse_message("expected a rank");
  }
  return value.get<int>();
}
void read(Fields& f, StoreHere& m) {
  m.probe = f.bytes();
}
FileName file_from_wire(const json& wire) {
  Fields f(wire);
  FileName file;
  const int kind = f.small();
  if (kind > static_cast<int>(FileKind::model)) refuse_message("an unknown kind of file");
  file.kind = static_cast<FileKind>(kind);
  file.name = f.text();
  check_file_name(file);
  return file;
}
std::uint64_t file_bytes(Fields& f) {
  const std::uint64_t bytes = f.natural();
  if (bytes > kLargestFileBytes) refuse_message("a file is larger than any may be");
  return bytes;
}
void read(Fields& f, FetchFile& m) {
  m.rank = f.small();
  m.file = file_from_wire(f.next());
  m.stage = f.key();
  m.offset = file_bytes(f);
}
void read(Fields& f, FilePiece& m) {
  m.rank = f.small();
  m.file = file_from_wire(f.next());
  m.offset = file_bytes(f);
  m.total = file_bytes(f);
  m.sha256 = f.key().digest;
  m.bytes = f.bytes();
  if (m.bytes.size() > kFilePieceBytes || m.offset > m.total || m.bytes.size() > m.total - m.offset) {
    refuse_message("a piece of a file goes beyond it");
  }
}
void read(Fields& f, FileMissing& m) {
  m.rank = f.small();
  m.file = file_from_wire(f.next());
  m.why = f.prose();
}
void read(Fields& f, OfferFile& m) {
  m.rank = f.small();
  m.file = file_from_wire(f.next());
  m.stage = f.key();
  m.total = file_bytes(f);
  m.sha256 = f.key().digest;
}
void read(Fields& f, FileStored& m) {
  m.rank = f.small();
  m.file = file_from_wire(f.next());
  m.sha256 = f.key().digest;
  m.why = f.prose();
}
void read(Fields& f, RunJob& m) {
  m.job.attempt = f.natural();
  m.job.stages = f.list(job_stage_from_wire);
  m.alone = f.truth();
  m.gang = f.list(rank_from_wire);
}
void read(Fields& f, StopJob& m) {
  m.attempt = f.natural();
}
void read(Fields& f, RankReady& m) {
  m.environment = f.text();
  m.host = f.name();
  m.held = f.list([](const json& value) {
    if (!value.is_number_unsigned()) refuse_message("expected a natural number");
    return value.get<std::uint64_t>();
  });
  m.gpu = f.absent() ? "" : f.name();
  m.memory_gb = f.real_within(0, kMostMemoryGb);
  m.cores = f.small();
}
void read(Fields& f, StageReached& m) {
  m.outcome = stage_outcome_from_wire(f.next());
}
void read(Fields& f, JobEnded& m) {
  m.attempt = f.natural();
  m.interrupted = f.truth();
  m.started = f.truth();
  m.progressed = f.truth();
  m.cause = parse_loss_cause(f.text());
}
void read(Fields& f, JobProgress& m) {
  m.attempt = f.natural();
  m.stage = f.key();
  m.step = f.count();
  m.end_step = f.count();
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
  if (!known) refuse_message("an unknown kind of message, " + std::to_string(tag));
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
  scan_wire(bytes);
  try {
    return read_wire(json::from_cbor(bytes.begin(), bytes.end()));
  } catch (const json::exception& error) {
    refuse_message(error.what());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::corrupt) throw;
    refuse_message(error.what());
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
    if (!wire.is_array()) refuse_message("expected a list");
    std::vector<Variant> values;
    for (const json& element : wire) values.push_back(from_wire_variant<Variant>(element));
    return values;
  });
}

}  // namespace

std::string encode(const Message& message) {
  return to_cbor_text(to_wire_variant(message));
}
Message decode_handshake(std::string_view bytes) {
  using Handshake = std::variant<Challenge, Hello, Welcome, Refused>;  // as Message begins
  return decode(bytes, [](const json& wire) {
    if (Fields(wire).natural() >= std::variant_size_v<Handshake>) refuse_message("it did not introduce itself");
    Handshake known = from_wire_variant<Handshake>(wire);
    return std::visit([](auto& message) -> Message { return std::move(message); }, known);
  });
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
