// What comes over the wire: messages, and the lists of commands and reports within them.

#include <limits>
#include <stdexcept>

#include "cluster/protocol/protocol.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {
namespace {

StageKey key(const std::string& name) {
  return {sha256(name)};
}

std::vector<RankCommand> some_commands() {
  JobStage train{key("train"), StageKind::train, 18446744073709551615ULL, "{\"a\":1}", {}, key("before"), true, "data"};
  train.inputs = {{InputRole::weights, key("init")}, {InputRole::masks, key("prune")}};
  Job job{42, {train, JobStage{key("evaluate"), StageKind::evaluate, 0, "{}", {}, std::nullopt, false, "", "net.pt"}}};
  return {RunJob{job, true}, StopJob{41}};
}

StageOutcome some_outcome() {
  StageOutcome outcome;
  outcome.key = key("stage");
  outcome.attempt = (7ULL << 32) + 9;
  outcome.wall_s = 1.25;
  outcome.steps = 4585;
  outcome.artifact_sha256 = to_hex(key("artifact"));
  outcome.metrics = {{917, "validation_loss", 0.1}, {1834, "train_loss", std::numeric_limits<double>::quiet_NaN()}};
  outcome.best_validation_loss = 0.1;
  outcome.evaluation = Evaluation::of_classes(0.98, 0.07, {1.0, 0.5});
  outcome.layers = {{"fc1", 235200, -1, 1234, 1200, 7}};
  outcome.connectivity = Connectivity{false, 7, 1200};
  outcome.shrunk_size = NetworkSize{1210, 1100, 5000};
  outcome.sensitivity = {{"fc1", 0.5, 235200, 117600, 0.25}};
  outcome.latencies = {{64, {{"dense", {2.5, 2.25}, 4096, 2.375, 2.25, 2.5}}, true, 0.5}};
  outcome.warnings = {"fc2 is empty"};
  return outcome;
}

std::vector<RankReport> some_reports() {
  StageOutcome failed;
  failed.key = key("failed");
  failed.failure = Failure{ErrorKind::corrupt, "damaged", LossCause::damaged_input, {key("a"), key("b")}};
  return {StageReached{some_outcome()}, StageReached{failed}, JobEnded{5, true, true, false, LossCause::time_limit},
          JobProgress{5, key("stage"), 10, 20, 0.5}, RankReady{"{}", "host", {5, 6, 1ULL << 40}}};
}

std::vector<Message> messages_about_files() {
  FetchFile fetch;
  fetch.file = dataset_file("idx:1", "mnist/t10k.gz");
  fetch.stage = key("reads");
  fetch.offset = kFilePieceBytes;
  FilePiece piece;
  piece.file = dataset_listing("idx:1");
  piece.bytes = "[\"a/b\"]";
  piece.total = piece.bytes.size();
  FileMissing missing;
  missing.file.kind = FileKind::model;
  missing.file.name = to_hex(key("net"));
  missing.why = "not here";
  OfferFile offer;
  offer.rank = 1;
  offer.file = file_of_stage(FileKind::artifact, key("stage"));
  offer.stage = key("stage");
  offer.total = 1066440;
  FileStored stored;
  stored.file = offer.file;
  return {StoreHere{std::string(64, 'a')}, fetch, piece, missing, offer, stored};
}

/// What was read can be written and read again.
template <typename Value, typename Decode>
void expect_again(const Value& value, Decode decode) {
  decode(encode(value));
}

/// Whether a frame is read before the proof.
bool is_read_before_proof(std::string_view bytes) {
  try {
    decode_handshake(bytes);
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    return false;
  }
}

bool read_frame(std::string_view bytes) {
  constexpr std::size_t kOfTheHandshake = 4;
  const bool known = is_read_before_proof(bytes);
  const Message message = decode_message(bytes);
  if (known != (message.index() < kOfTheHandshake))
    throw std::logic_error("an unauthenticated frame is read, or refused, by mistake");
  expect_again(message, decode_message);
  if (const ToRank* to = std::get_if<ToRank>(&message)) decode_commands(to->commands);
  if (const FromRank* from = std::get_if<FromRank>(&message)) decode_reports(from->reports);
  return true;
}

}  // namespace

FuzzTarget wire_target(const char* name) {
  FuzzTarget target;
  target.name = name;
  // Arrays, texts and byte strings of every kind of length, short of and beyond what follows; maps, tags, breaks.
  for (const char* word : {"\x80",
                           "\x81",
                           "\x82",
                           "\x9f",
                           "\xff",
                           "\x40",
                           "\x60",
                           "\x5f",
                           "\x7f",
                           "\xa0",
                           "\xbf",
                           "\xc0",
                           "\xf6",
                           "\xf4",
                           "\xf5",
                           "\xf9\x7e",
                           "\x58\x20",
                           "\x78\xff",
                           "\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
                           "\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
                           "\x9a\xff\xff\xff\xff",
                           "\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
                           "\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
                           "damaged_input",
                           "corrupt"}) {
    target.dictionary.emplace_back(word);
  }
  for (const char* piece : {"\x81", "\x7f", "\x5f", "\x9f", "\xa1", "\xc1", "\x80", "\x60", "\xf6", "\x82\x01"})
    target.worst.push_back(mebibyte_of(piece));
  // As many empty arrays, texts and byte strings as a message may hold.
  for (const char* piece : {"\x80", "\x60", "\x40"})
    target.worst.push_back(std::string("\x9a\x00\x0f\xff\xfb", 5) + mebibyte_of(piece).substr(5));
  target.dictionary.emplace_back("\x9a\x00\x10\x00\x00", 5);
  target.held_per_byte = 136;  // of an empty text as a tree, and of the list that it is in while that grows
  target.refusals = {ErrorKind::corrupt};
  return target;
}

FuzzTarget frames_target() {
  FuzzTarget target = wire_target("frames");
  const std::vector<Message> messages{Challenge{3, std::string(32, 'n')},
                                      Hello{3, Role::client, std::string(32, 'n'), std::string(32, 'p')},
                                      Welcome{std::string(32, 'p'), "pool-1"},
                                      Refused{"why"},
                                      PoolDescription{"local-1", "host", 123, 4, 1, std::string(16, 'i')},
                                      ToRank{1, encode(some_commands())},
                                      FromRank{2, encode(some_reports()), 7},
                                      Leave{},
                                      Leaving{LossCause::preempted},
                                      Heartbeat{},
                                      Recorded{9},
                                      Ask{"priority", R"({"sweep": "a", "priority": 3})"},
                                      Answer{false, "no sweep is called a"}};
  static_assert(std::variant_size_v<Message> == 19, "a new message needs a seed");
  for (const Message& message : messages) target.seeds.push_back(encode(message));
  for (const Message& message : messages_about_files()) target.seeds.push_back(encode(message));
  target.read = read_frame;
  return target;
}

FuzzTarget commands_target() {
  FuzzTarget target = wire_target("commands");
  target.seeds = {encode(some_commands()), encode(std::vector<RankCommand>{})};
  target.read = [](std::string_view bytes) {
    expect_again(decode_commands(bytes), decode_commands);
    return true;
  };
  return target;
}

FuzzTarget reports_target() {
  FuzzTarget target = wire_target("reports");
  target.seeds = {encode(some_reports()), encode(std::vector<RankReport>{})};
  target.read = [](std::string_view bytes) {
    expect_again(decode_reports(bytes), decode_reports);
    return true;
  };
  return target;
}

}  // namespace espalier
