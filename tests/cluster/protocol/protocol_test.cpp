#include "cluster/protocol/protocol.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

StageKey key(const std::string& name) {
  return {sha256(name)};
}

StageOutcome full_outcome() {
  StageOutcome outcome;
  outcome.key = key("stage");
  outcome.attempt = (7ULL << 32) + 9;
  outcome.failure = Failure{ErrorKind::numeric, "NaN"};
  outcome.wall_s = 1.25;
  outcome.first_step = 100;
  outcome.steps = 4585;
  outcome.artifact_sha256 = to_hex(key("artifact"));
  outcome.artifact_bytes = 1066440;
  outcome.diverged = true;
  outcome.metrics = {{917, "validation_loss", 0.1}, {1834, "train_loss", std::numeric_limits<double>::quiet_NaN()}};
  outcome.best_validation_loss = 0.1;
  outcome.evaluation = Evaluation::of_classes(std::numeric_limits<double>::quiet_NaN(), 0.07, {1.0, 0.5});
  outcome.evaluation->metrics.push_back({"madds", 0.5, 1.5e6});
  outcome.layers = {{"fc1", 235200, -1, 1234, 1200, 7}};
  outcome.connectivity = Connectivity{false, 7, 1200};
  outcome.shrunk_size = NetworkSize{1210, 1100, 5000};
  outcome.collapsed = true;
  outcome.sensitivity = {{"fc1", 0.5, 235200, 117600, 0.25}, {"fc2", 0.9, 30000, 3000, 1.5}};
  outcome.latencies = {
      {64,
       {{"dense", {2.5, 2.25}, 4096, 2.375, 2.25, 2.5}, {"pruned", {1, 1.5}, 512, 1.25, 1, 1.5, 1.9, 1.5, 2.5}},
       true,
       0.5}};
  outcome.warnings = {"fc2 is empty: none of its 30000 weights is kept"};
  return outcome;
}

TEST(Protocol, JobsSurviveTheWire) {
  Job job{42, {}};
  JobStage stage{key("train"), StageKind::train, 18446744073709551615ULL, "{\"a\":1}", {}, key("before"),
                 true,         "some/folder"};
  stage.inputs = {{InputRole::weights, key("init")}, {InputRole::masks, key("prune")}};
  job.stages = {stage, JobStage{key("evaluate"), StageKind::evaluate, 0, "{}", {}, std::nullopt, false, ""}};
  const auto commands = decode_commands(encode(std::vector<RankCommand>{RunJob{job, true, {2, 0, 5}}, StopJob{41}}));
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_TRUE(std::get<RunJob>(commands[0]).alone);
  EXPECT_EQ(std::get<RunJob>(commands[0]).gang, (std::vector<int>{2, 0, 5}));
  const Job& back = std::get<RunJob>(commands[0]).job;
  EXPECT_EQ(back.attempt, 42U);
  ASSERT_EQ(back.stages.size(), 2U);
  EXPECT_EQ(back.stages[0].key, stage.key);
  EXPECT_EQ(back.stages[0].kind, StageKind::train);
  EXPECT_EQ(back.stages[0].seed, stage.seed);
  EXPECT_EQ(back.stages[0].spec, stage.spec);
  EXPECT_EQ(back.stages[0].inputs, stage.inputs);
  EXPECT_EQ(back.stages[0].resume_from, stage.resume_from);
  EXPECT_TRUE(back.stages[0].keep_resume_state);
  EXPECT_EQ(back.stages[0].dataset_path, "some/folder");
  EXPECT_FALSE(back.stages[1].resume_from.has_value());
  EXPECT_EQ(std::get<StopJob>(commands[1]).attempt, 41U);
}

TEST(Protocol, OutcomesSurviveTheWireNaNIncluded) {
  const StageOutcome sent = full_outcome();
  const auto reports = decode_reports(encode(std::vector<RankReport>{
      StageReached{sent}, JobEnded{5, true}, JobProgress{5, sent.key, 10, 20, 0.5}, RankReady{"{}", "host", {5}}}));
  ASSERT_EQ(reports.size(), 4U);
  const StageOutcome& back = std::get<StageReached>(reports[0]).outcome;
  EXPECT_EQ(back.key, sent.key);
  EXPECT_EQ(back.attempt, sent.attempt);
  EXPECT_EQ(back.failure->kind, ErrorKind::numeric);
  EXPECT_EQ(back.failure->message, "NaN");
  EXPECT_EQ(back.wall_s, 1.25);
  EXPECT_EQ(back.first_step, 100);
  EXPECT_EQ(back.steps, 4585);
  EXPECT_EQ(back.artifact_sha256, sent.artifact_sha256);
  EXPECT_EQ(back.artifact_bytes, sent.artifact_bytes);
  EXPECT_TRUE(back.diverged);
  ASSERT_EQ(back.metrics.size(), 2U);
  EXPECT_EQ(back.metrics[0].name, "validation_loss");
  EXPECT_EQ(back.metrics[0].value, 0.1);
  EXPECT_TRUE(std::isnan(back.metrics[1].value));
  EXPECT_EQ(back.best_validation_loss, 0.1);
  EXPECT_FALSE(back.test_accuracy_at_best_validation.has_value());
  EXPECT_TRUE(std::isnan(back.evaluation->accuracy()));  // of a network whose logits are not numbers
  EXPECT_EQ(back.evaluation->class_accuracies(), sent.evaluation->class_accuracies());
  ASSERT_EQ(back.evaluation->metrics.size(), 5U);
  EXPECT_EQ(back.evaluation->metrics.back(), (EvaluationMetric{"madds", 0.5, 1.5e6}));
  EXPECT_EQ(back.layers[0].requested, -1);
  EXPECT_EQ(back.layers[0].kept, 1234);
  EXPECT_EQ(back.layers[0].effective, 1200);
  EXPECT_EQ(back.layers[0].dead_units, 7);
  EXPECT_EQ(back.connectivity, sent.connectivity);
  EXPECT_TRUE(back.collapsed);
  EXPECT_EQ(back.sensitivity, sent.sensitivity);
  EXPECT_EQ(back.latencies, sent.latencies);
  EXPECT_EQ(back.warnings, sent.warnings);
  EXPECT_TRUE(std::get<JobEnded>(reports[1]).interrupted);
  EXPECT_EQ(std::get<JobProgress>(reports[2]).end_step, 20);
}

TEST(Protocol, MessagesSurviveTheWire) {
  const Message message = decode_message(encode(Message{PoolDescription{"local-1", "host", 123, 4, 1, "id"}}));
  const PoolDescription& pool = std::get<PoolDescription>(message);
  EXPECT_EQ(pool.label, "local-1");
  EXPECT_EQ(pool.ranks, 4);
  EXPECT_TRUE(std::holds_alternative<Leave>(decode_message(encode(Message{Leave{}}))));
  EXPECT_EQ(std::get<ToRank>(decode_message(encode(Message{ToRank{3, std::string("\0\x01", 2)}}))).commands,
            std::string("\0\x01", 2));
}

TEST(Protocol, PiecesOfFilesSurviveTheWire) {
  const FileName file = dataset_file("idx:1", "mnist/train-images.gz");
  const FilePiece sent{3, file, 1U << 20, (1U << 20) + 5, key("all").digest, std::string("\0abc\xff", 5)};
  const FilePiece piece = std::get<FilePiece>(decode_message(encode(Message{sent})));
  EXPECT_EQ(piece.rank, 3);
  EXPECT_EQ(piece.file, file);
  EXPECT_EQ(piece.offset, sent.offset);
  EXPECT_EQ(piece.total, sent.total);
  EXPECT_EQ(piece.sha256, sent.sha256);
  EXPECT_EQ(piece.bytes, sent.bytes);
  const FileName left = file_of_stage(FileKind::checkpoint, key("a"));
  const OfferFile offer =
      std::get<OfferFile>(decode_message(encode(Message{OfferFile{1, left, key("a"), 7, key("b").digest}})));
  EXPECT_EQ(offer.file, left);
  EXPECT_EQ(offer.stage, key("a"));
  EXPECT_EQ(offer.sha256, key("b").digest);
  EXPECT_EQ(std::get<FetchFile>(decode_message(encode(Message{FetchFile{0, left, key("a"), 9}}))).offset, 9U);
}

TEST(Protocol, NoFileIsNamedThatLeavesItsFolder) {
  for (const std::string name : {"../../secret", "/etc/passwd", ""}) {
    for (const FileName& file : {FileName{FileKind::artifact, name}, dataset_file("c", name)}) {
      FetchFile fetch;
      fetch.file = file;
      EXPECT_THROW(decode_message(encode(fetch)), Error) << file.name;
    }
  }
}

TEST(Protocol, NoPieceLeavesItsFile) {
  struct Bad {
    std::uint64_t offset, total, bytes;
  };
  for (const Bad& bad :
       {Bad{0, 2, 3}, Bad{3, 2, 0}, Bad{0, kLargestFileBytes + 1, 3}, Bad{0, 4 << 20, (1 << 20) + 1}}) {
    FilePiece piece;
    piece.file = file_of_stage(FileKind::artifact, key("a"));
    piece.offset = bad.offset;
    piece.total = bad.total;
    piece.bytes = std::string(bad.bytes, 'x');
    EXPECT_THROW(decode_message(encode(piece)), Error) << bad.offset << " " << bad.total;
  }
}

TEST(Protocol, DamageIsRefusedNotBelieved) {
  const std::string good = encode(std::vector<RankReport>{StageReached{full_outcome()}});
  EXPECT_THROW(decode_reports(""), Error);
  EXPECT_THROW(decode_reports("garbage"), Error);
  EXPECT_THROW(decode_message(std::string(4000, '\x81')), Error);  // arrays of one, within each other
  EXPECT_THROW(decode_reports(std::string(8 << 20, '\x81')), Error);
  EXPECT_THROW(decode_message(encode(std::vector<RankCommand>{StopJob{1}})), Error);
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_THROW(decode_reports(good.substr(0, length)), Error);
  RandomStream random(1, "damage");
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = good;
    for (int flips = 0; flips < 3; ++flips)
      damaged[random.below(damaged.size())] ^= static_cast<char>(1 + random.below(255));
    try {
      decode_reports(damaged);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    }
  }
}

}  // namespace
}  // namespace espalier
