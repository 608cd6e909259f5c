#include "worker/jobs/run_job.h"

#include <cmath>
#include <fstream>
#include <map>
#include <numeric>

#include <ATen/Context.h>

#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "tests/base/full_disk.h"
#include "tests/needs.h"
#include "tests/worker/jobs/job_test.h"
#include "worker/jobs/environment.h"

namespace espalier {
namespace {

constexpr std::int64_t kWeights = 266200;

class RunJob : public JobTest {
 protected:
  std::map<std::string, std::vector<std::uint8_t>> masks(const std::string& name) const {
    const std::string bytes = read_file(artifact(name), 1 << 30);
    std::map<std::string, std::vector<std::uint8_t>> result;
    for (const TensorBytes& tensor : parse_safetensors(bytes, name).tensors) {
      EXPECT_EQ(tensor.type, TensorType::u8);
      result[tensor.name] = {tensor.bytes.begin(), tensor.bytes.end()};
    }
    return result;
  }
  Failure failure_of(std::vector<JobStage> stages) const {
    const Run result = run(std::move(stages));
    EXPECT_EQ(result.end, JobEnd::failed);
    if (result.outcomes.empty() || !result.outcomes.back().failure) return {ErrorKind::internal, "nothing failed"};
    return *result.outcomes.back().failure;
  }
};

TEST_F(RunJob, AChainOfStagesReportsEachAndLearns) {
  JobStage masked = train("finetuned", train_spec(60), "dense");
  masked.inputs.emplace_back(InputRole::masks, key("mask"));
  JobStage last = evaluate("accuracy", "finetuned");
  last.inputs.emplace_back(InputRole::masks, key("mask"));
  const Run result = run({init("init"), train("dense", train_spec(60), "init"),
                          prune("mask", prune_spec("magnitude", kWeights / 10), "dense"), masked, last});
  ASSERT_EQ(result.end, JobEnd::finished);
  ASSERT_EQ(result.outcomes.size(), 5U);
  const Evaluation& evaluation = *result.outcomes.back().evaluation;
  EXPECT_GT(evaluation.accuracy(), 0.5);
  EXPECT_EQ(evaluation.class_accuracies().size(), 10U);
  EXPECT_EQ(result.outcomes[2].layers.size(), 3U);
  const StageOutcome& finetuned = result.outcomes[3];
  EXPECT_TRUE(finetuned.test_accuracy_at_best_validation);
  EXPECT_GT(finetuned.wall_s, 0);
  // Weights of the artifact are zero where the mask is.
  const auto mask = masks("mask");
  const std::string bytes = read_file(artifact("finetuned"), 1 << 30);
  for (const TensorBytes& tensor : parse_safetensors(bytes, "finetuned").tensors) {
    const auto covered = mask.find(tensor.name);
    if (covered == mask.end()) continue;
    const auto* values = reinterpret_cast<const float*>(tensor.bytes.data());
    for (std::size_t i = 0; i < covered->second.size(); ++i)
      ASSERT_TRUE(covered->second[i] || values[i] == 0) << tensor.name;
  }
}

TEST_F(RunJob, InputsFromMemoryAndFromFilesGiveTheSameBytes) {
  done({init("init"), train("dense", train_spec(12), "init"), prune("mask", prune_spec("snip", 5000), "dense")}, "one");
  for (const JobStage& stage :
       {init("init"), train("dense", train_spec(12), "init"), prune("mask", prune_spec("snip", 5000), "dense")}) {
    done({stage}, "apart");
  }
  for (const char* name : {"init", "dense", "mask"}) {
    EXPECT_EQ(to_hex(sha256_file(artifact(name, "one"))), to_hex(sha256_file(artifact(name, "apart")))) << name;
  }
}

TEST_F(RunJob, EveryCriterionKeepsExactlyWhatWasAsked) {
  done({init("init")});
  for (const char* criterion : {"magnitude", "random", "gradient", "snip"}) {
    PruneSpec spec = prune_spec(criterion, 12345);
    StageOutcome outcome = done({prune(std::string("global ") + criterion, spec, "init")});
    std::int64_t kept = 0;
    for (const LayerCount& layer : outcome.layers) kept += layer.kept;
    EXPECT_EQ(kept, 12345);
    EXPECT_EQ(outcome.layers[0].requested, -1);
    spec.target.layer_kept = {12000, 300, 45};
    outcome = done({prune(std::string("layers ") + criterion, spec, "init")});
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(outcome.layers[i].kept, spec.target.layer_kept[i]);
    EXPECT_EQ(outcome.layers[2].requested, 45);
    EXPECT_EQ(outcome.layers[2].layer, "fc3");
  }
}

TEST_F(RunJob, LaterRoundsKeepPartOfEarlierOnes) {
  done({init("init")});
  for (const char* criterion : {"magnitude", "random", "gradient", "snip"}) {
    const std::string name = criterion;
    done({prune(name + " 1", prune_spec(criterion, 50000), "init")});
    JobStage second = prune(name + " 2", prune_spec(criterion, 10000), "init");
    second.inputs.emplace_back(InputRole::masks, key(name + " 1"));
    done({second});
    auto before = masks(name + " 1");
    std::int64_t kept = 0;
    for (const auto& [layer, mask] : masks(name + " 2")) {
      for (std::size_t i = 0; i < mask.size(); ++i) EXPECT_LE(mask[i], before[layer][i]);
      kept = std::accumulate(mask.begin(), mask.end(), kept);
    }
    EXPECT_EQ(kept, 10000);
  }
}

TEST_F(RunJob, RandomNeedsNoWeightsAndRoundsDoNotMatter) {
  done({prune("round 1", prune_spec("random", 50000), "")});
  JobStage second = prune("round 2", prune_spec("random", 10000), "");
  second.inputs = {{InputRole::masks, key("round 1")}};
  done({second, prune("at once", prune_spec("random", 10000), "")});
  EXPECT_EQ(masks("round 2"), masks("at once"));
  EXPECT_EQ(failure_of({prune("blind", prune_spec("magnitude", 10), "")}).kind, ErrorKind::internal);
}

// Computed without this code, by Python: the six highest float32(u), u of xoshiro256++ seeded with
// SHA-256 of "7/mask/LAYER" (of earlier versions, and shared) or "7/mask/0123456789abcdef/LAYER".
TEST_F(RunJob, RandomDrawsAreThoseOfTheirStream) {
  const auto kept = [&](const std::string& draw) {
    PruneSpec spec = prune_spec("random", 6);
    spec.draw = draw;
    JobStage stage = prune("of " + draw, spec, "");
    stage.seed = 7;
    done({stage});
    std::vector<std::pair<std::string, std::size_t>> places;
    for (const auto& [layer, mask] : masks("of " + draw)) {
      for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] != 0) places.emplace_back(layer.substr(0, 3), i);
      }
    }
    return places;
  };
  using Places = std::vector<std::pair<std::string, std::size_t>>;
  const Places old{{"fc1", 1318}, {"fc1", 24251}, {"fc1", 131505}, {"fc1", 134818}, {"fc1", 192894}, {"fc2", 3454}};
  EXPECT_EQ(kept(""), old);
  EXPECT_EQ(kept(kSharedDraw), old);
  EXPECT_EQ(
      kept("0123456789abcdef"),
      (Places{{"fc1", 89594}, {"fc1", 105885}, {"fc1", 129562}, {"fc1", 145746}, {"fc1", 203745}, {"fc1", 232626}}));
}

/// Weights that both masks keep, and each alone.
struct BothKept {
  std::int64_t a = 0, b = 0, both = 0;
};

BothKept kept_by_both(const std::map<std::string, std::vector<std::uint8_t>>& a,
                      const std::map<std::string, std::vector<std::uint8_t>>& b) {
  BothKept kept;
  for (const auto& [layer, mask] : a) {
    for (std::size_t i = 0; i < mask.size(); ++i) {
      kept.a += mask[i];
      kept.b += b.at(layer)[i];
      kept.both += mask[i] & b.at(layer)[i];
    }
  }
  return kept;
}

/// Masks of a and b weights among n that know nothing of each other share ab/n, give or take sqrt(ab (n-a) (n-b) /
/// n^3).
void expect_independent(const BothKept& kept) {
  const auto n = static_cast<double>(kWeights), a = static_cast<double>(kept.a), b = static_cast<double>(kept.b);
  EXPECT_NEAR(static_cast<double>(kept.both), a * b / n, 5 * std::sqrt(a * b * (n - a) * (n - b) / (n * n * n)));
}

TEST_F(RunJob, TwoDrawsKnowNothingOfEachOtherAndOneIsNested) {
  const auto draw = [&](const std::string& name, const std::string& stream, std::int64_t count, bool by_layer) {
    PruneSpec spec = prune_spec("random", count);
    spec.draw = stream;
    if (by_layer) {
      spec.target.layer_kept = {count * 235200 / kWeights, count * 30000 / kWeights, count * 1000 / kWeights};
      spec.target.total_kept = std::reduce(spec.target.layer_kept.begin(), spec.target.layer_kept.end());
    }
    done({prune(name, spec, "")});
  };
  for (const bool by_layer : {false, true}) {
    const std::string end = by_layer ? " by layer" : "";
    draw("a" + end, "aaaaaaaaaaaaaaaa", kWeights / 2, by_layer);
    draw("b" + end, "bbbbbbbbbbbbbbbb", kWeights / 2, by_layer);
    draw("few of b" + end, "bbbbbbbbbbbbbbbb", kWeights / 10, by_layer);
    draw("shared" + end, kSharedDraw, kWeights / 2, by_layer);
    draw("few shared" + end, kSharedDraw, kWeights / 10, by_layer);
    expect_independent(kept_by_both(masks("a" + end), masks("b" + end)));
    expect_independent(kept_by_both(masks("a" + end), masks("few of b" + end)));
    expect_independent(kept_by_both(masks("few shared" + end), masks("few of b" + end)));
    const BothKept nested = kept_by_both(masks("shared" + end), masks("few shared" + end));
    EXPECT_EQ(nested.both, nested.b);
  }
}

TEST_F(RunJob, UnitsAreDrawnFromTheirTrialsStream) {
  const auto rows = [&](const std::string& draw) {
    PruneSpec spec = prune_spec("random", 200);
    spec.granularity = "row l2";
    spec.draw = draw;
    done({prune("rows " + draw, spec, "")});
    return masks("rows " + draw);
  };
  EXPECT_NE(rows("aaaaaaaaaaaaaaaa"), rows("bbbbbbbbbbbbbbbb"));
  EXPECT_EQ(rows(kSharedDraw), rows(""));
}

// One permutation of two masks leaves them as alike as they were, which says nothing of either.
TEST_F(RunJob, ShufflesOfTwoDrawsKnowNothingOfEachOther) {
  PruneSpec few = prune_spec("magnitude", 0), many = few;
  few.target = {66550, {58800, 7500, 250}};
  many.target = {133100, {117600, 15000, 500}};
  done({init("init"), prune("few", few, "init"), prune("many", many, "init")});
  const auto shuffled = [&](const std::string& name, const std::string& draw, bool across) {
    JobStage stage = shuffle(name + draw, name);
    ShuffleSpec how{model_};
    how.draw = draw;
    how.across_layers = across;
    stage.spec = canonical_json(how);
    stage.key = key(name + draw + (across ? "across" : ""));
    done({stage});
    return masks(name + draw + (across ? "across" : ""));
  };
  for (const bool across : {false, true}) {
    EXPECT_EQ(kept_by_both(shuffled("few", "", across), shuffled("many", "", across)).both, 66550);
    expect_independent(
        kept_by_both(shuffled("few", "aaaaaaaaaaaaaaaa", across), shuffled("many", "bbbbbbbbbbbbbbbb", across)));
  }
}

TEST_F(RunJob, ShufflingKeepsEachLayersCount) {
  done({init("init"), prune("mask", prune_spec("magnitude", 20000), "init")});
  const StageOutcome outcome = done({shuffle("shuffled", "mask")});
  const auto before = masks("mask"), after = masks("shuffled");
  EXPECT_NE(before, after);
  ASSERT_EQ(outcome.layers.size(), 3U);
  for (const auto& [name, mask] : before) {
    EXPECT_EQ(std::accumulate(mask.begin(), mask.end(), 0),
              std::accumulate(after.at(name).begin(), after.at(name).end(), 0));
  }
}

TEST_F(RunJob, ShufflingAmongUnitsOfOneSizeKeepsUnitsAndWeightsOverTheNetwork) {
  model_ = {"mlp-20-20-9", {1, 28, 28}, 10};  // rows of 784, 20 and 20 weights
  PruneSpec spec = prune_spec("magnitude", 30);
  spec.granularity = "row l2";
  spec.target.layer_kept = {12, 17, 1};
  JobStage shuffled = shuffle("shuffled", "mask");
  ShuffleSpec how{model_, "row l2", true};
  how.equal_sizes = true;
  shuffled.spec = canonical_json(how);
  const StageOutcome outcome = done({init("init"), prune("mask", spec, "init"), shuffled});
  EXPECT_EQ(outcome.layers[0].kept, 12 * 784);
  EXPECT_EQ(outcome.layers[1].kept + outcome.layers[2].kept, 18 * 20);
  EXPECT_NE(outcome.layers[1].kept, 17 * 20);  // chance has it so for this seed
  EXPECT_NE(masks("mask").at("fc1.weight"), masks("shuffled").at("fc1.weight"));
}

TEST_F(RunJob, ShuffledChannelsHaveMasksOfTheirOwnWhereSomethingIsGoneAsAfterAPrune) {
  PruneSpec spec = prune_spec("magnitude", 350);
  spec.granularity = "channel l2";
  spec.target.layer_kept = {300, 50};  // fc1 loses nothing
  JobStage shuffled = shuffle("shuffled", "mask");
  shuffled.spec = canonical_json(ShuffleSpec{model_, "channel l2"});
  done({init("init"), prune("mask", spec, "init"), shuffled});
  const auto names = [](const auto& masks) {
    std::vector<std::string> found;
    for (const auto& [name, mask] : masks) found.push_back(name);
    return found;
  };
  EXPECT_EQ(names(masks("shuffled")), names(masks("mask")));
  EXPECT_EQ(masks("shuffled").count("fc1.bias"), 0U);
  EXPECT_EQ(masks("shuffled").count("fc2.bias"), 1U);
}

TEST_F(RunJob, FailuresAreOutcomesOfTheRightKind) {
  EXPECT_EQ(failure_of({train("t", train_spec(5), "missing"), evaluate("e", "t")}).kind, ErrorKind::corrupt);
  done({init("init")});
  EXPECT_EQ(failure_of({prune("p", prune_spec("snipp", 5), "init")}).kind, ErrorKind::invalid_input);
  EXPECT_EQ(failure_of({prune("p", prune_spec("magnitude", kWeights + 1), "init")}).kind, ErrorKind::invalid_input);
  std::string bytes = read_file(artifact("init"), 1 << 30);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomically(artifact("init"), bytes);
  EXPECT_EQ(failure_of({train("t", train_spec(5), "init")}).kind, ErrorKind::corrupt);
}

TEST_F(RunJob, AFolderThatCannotBeWrittenIsTheMachinesFault) {
  std::filesystem::create_directories(folder_ / "store");
  std::ofstream(folder_ / "store" / "artifacts") << "a file where the folder belongs";
  EXPECT_EQ(failure_of({init("init")}).kind, ErrorKind::exhausted);
}

TEST_F(RunJob, AFullDiskIsExhaustedAndLeavesNoHalfArtifact) {
  const std::filesystem::path store = folder_ / "store";
  std::filesystem::create_directories(store);
  const bool had_disk = on_small_disk(store, 1 << 16, [&] {
    EXPECT_EQ(failure_of({init("init")}).kind, ErrorKind::exhausted);
    EXPECT_FALSE(std::filesystem::exists(artifact("init")));
  });
  ESPALIER_NEEDS("mount", had_disk, "we may not mount here; run the tests as root");
}

TEST_F(RunJob, ADeviceThatIsNotThereFailsEveryJob) {
  std::map<std::string, std::string> messages{{"abacus", "unknown \"abacus\" (one of auto, cpu, cuda, cuda:1, ...)"},
                                              {"cuda:99999999999", "\"cuda:99999999999\""},
                                              {"mps", "this machine or this LibTorch has no \"mps\""}};
  if (!std::filesystem::exists("/proc/driver/nvidia")) {
    messages["cuda"] = "this machine or this LibTorch has no \"cuda\"";
  }
  const std::atomic<bool> stop = false;
  for (const auto& [device, message] : messages) {
    WorkerSettings odd = settings();
    odd.device = device;
    JobRunner runner(odd);
    EXPECT_NE(describe_environment("no MPI", device).find(device), std::string::npos);
    std::vector<StageOutcome> outcomes;
    JobCallbacks callbacks;
    callbacks.on_outcome = [&](StageOutcome outcome) { outcomes.push_back(std::move(outcome)); };
    for (int job = 0; job < 2; ++job) {
      EXPECT_EQ(runner.run_job({1, {init("init"), train("t", train_spec(5), "init")}}, stop, callbacks),
                JobEnd::failed);
    }
    ASSERT_EQ(outcomes.size(), 2U);
    for (const StageOutcome& outcome : outcomes) {
      ASSERT_TRUE(outcome.failure);
      EXPECT_EQ(outcome.failure->kind, ErrorKind::invalid_input);
      EXPECT_NE(outcome.failure->message.find("device: "), std::string::npos);
      EXPECT_NE(outcome.failure->message.find(message), std::string::npos) << outcome.failure->message;
    }
  }
}

TEST_F(RunJob, ConvolutionsOnAGpuAddInOneOrderAndInFullPrecision) {
  at::Context& context = at::globalContext();
  context.setDeterministicCuDNN(false);
  context.setAllowTF32CuDNN(true);
  done({init("init")});
  EXPECT_TRUE(context.deterministicCuDNN());
  EXPECT_FALSE(context.allowTF32CuDNN());
}

TEST_F(RunJob, StopBeforeTheFirstStageRunsNothing) {
  JobRunner runner(settings());
  const std::atomic<bool> stop = true;
  EXPECT_EQ(runner.run_job({1, {init("init")}}, stop, {}), JobEnd::interrupted);
  EXPECT_FALSE(std::filesystem::exists(artifact("init")));
}

TEST_F(RunJob, NoopsAreFastAndLeaveNothing) {
  JobRunner runner(settings());
  const std::atomic<bool> stop = false;
  int outcomes = 0;
  JobCallbacks callbacks;
  callbacks.on_outcome = [&](StageOutcome outcome) { outcomes += !outcome.failure && outcome.artifact_sha256.empty(); };
  JobStage stage;
  stage.spec = canonical_json(NoopSpec{});
  for (int i = 0; i < 2000; ++i) runner.run_job({1, {stage}}, stop, callbacks);
  EXPECT_EQ(outcomes, 2000);
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(RunJob, Lenet5TrainsOnConvolutions) {
  model_.name = "lenet-5";
  TrainSpec spec = train_spec(24);
  JobStage masked = train("sparse", spec, "dense");
  masked.inputs.emplace_back(InputRole::masks, key("mask"));
  done({init("init"), train("dense", spec, "init"), prune("mask", prune_spec("snip", 43050), "dense"), masked});
  EXPECT_GT(done({evaluate("accuracy", "sparse")}).evaluation->accuracy(), 0.3);
}

}  // namespace
}  // namespace espalier
