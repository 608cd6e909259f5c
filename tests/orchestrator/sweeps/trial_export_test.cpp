#include "orchestrator/sweeps/trial_export.h"

#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "experiments/formats/safetensors.h"
#include "experiments/stages/stage_spec.h"
#include "tests/db/sample_sweep.h"

namespace espalier {
namespace {

using testing::HasSubstr;

/// The sample's trial of magnitude pruning: what was retrained, and the masks that it was retrained with.
class TrialExports : public testing::Test {
 protected:
  void SetUp() override {
    const EvaluateSpec spec{{"lenet-300-100", {1, 28, 28}, 10}, {"idx", "idx:1", 10, 2, 5, {1, 28, 28}, 10, 0}};
    for (const SampleStage stage : {dense_evaluate, evaluate})
      sample_.graph.stages[stage].spec = std::make_shared<const std::string>(canonical_json(spec));
    store_.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
    const std::vector<float> fc1{1, 2, 3, 4}, bias{5};
    leave(retrain, {{}, {tensor("fc1.weight", {2, 2}, fc1), tensor("fc1.bias", {1}, bias)}});
    leave(trained, {{}, {tensor("fc1.weight", {2, 2}, fc1), tensor("fc1.bias", {1}, bias)}});
    leave(prune, {{}, {{"fc1.weight", TensorType::u8, {2, 2}, std::string_view("\1\0\0\1", 4)}}});
    for (const SampleStage stage : {dense_evaluate, evaluate}) store_.apply({finish(sample_.graph.stages[stage])});
  }

  static TensorBytes tensor(const std::string& name, std::vector<std::int64_t> shape,
                            const std::vector<float>& values) {
    return {name, TensorType::f32, std::move(shape),
            std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))};
  }
  std::filesystem::path artifact(SampleStage stage) const {
    return store_.paths().artifact(sample_.graph.stages[stage].key);
  }
  void leave(SampleStage stage, const Safetensors& content) {
    const std::string bytes = to_safetensors(content);
    std::filesystem::create_directories(artifact(stage).parent_path());
    write_file_atomically(artifact(stage), bytes);
    StageFinished finished = finish(sample_.graph.stages[stage]);
    finished.outcome.artifact_sha256 = to_hex(sha256(bytes));
    finished.outcome.artifact_bytes = static_cast<std::int64_t>(bytes.size());
    store_.apply({finished});
  }
  /// The first digits of the key of the sample's dense (0), magnitude (1) or random (2) trial.
  std::string trial(std::size_t index) const { return to_hex(sample_.trials[index].key).substr(0, 12); }
  TrialExport all_of(std::size_t index) const {
    TrialExport wanted;
    wanted.trial = trial(index);
    wanted.weights = folder_.path / "w.safetensors";
    wanted.masks = folder_.path / "m.safetensors";
    return wanted;
  }
  std::string refusal(const TrialExport& wanted, ErrorKind kind = ErrorKind::invalid_input) const {
    try {
      export_trial(store_.paths().root, wanted);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      EXPECT_FALSE(std::filesystem::exists(wanted.weights));
      return error.what();
    }
    return "it was exported";
  }
  static std::vector<float> values(const TensorBytes& tensor) {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }

  const TemporaryFolder folder_;
  Store store_{folder_.path / "store"};
  SampleSweep sample_ = make_sample_sweep(1);
};

TEST_F(TrialExports, PrunedWeightsAreZeroAndMasksAreBeside) {
  const TrialExport wanted = all_of(1);
  export_trial(store_.paths().root, wanted);
  const std::string weights_bytes = read_file(wanted.weights, 10000), masks_bytes = read_file(wanted.masks, 10000);
  const Safetensors weights = parse_safetensors(weights_bytes, "weights");
  ASSERT_EQ(weights.tensors.size(), 2U);
  for (const TensorBytes& tensor : weights.tensors) {
    const std::vector<float> expected =
        tensor.name == "fc1.bias" ? std::vector<float>{5} : std::vector<float>{1, 0, 0, 4};
    EXPECT_EQ(values(tensor), expected) << tensor.name;
  }
  EXPECT_EQ(weights.metadata.at("model"), "lenet-300-100");
  EXPECT_EQ(weights.metadata.at("trial"), to_hex(sample_.trials[1].key));
  const Safetensors masks = parse_safetensors(masks_bytes, "masks");
  ASSERT_EQ(masks.tensors.size(), 1U);
  EXPECT_EQ(masks.tensors[0].name, "fc1.weight");
  EXPECT_EQ(masks.tensors[0].bytes, std::string_view("\1\0\0\1", 4));
}

TEST_F(TrialExports, ADenseTrialHasWeightsAndNoMasks) {
  TrialExport wanted = all_of(0);
  EXPECT_THAT(refusal(wanted), HasSubstr("is dense; it has no masks"));
  wanted.masks.clear();
  export_trial(store_.paths().root, wanted);
  const std::string bytes = read_file(wanted.weights, 10000);
  for (const TensorBytes& tensor : parse_safetensors(bytes, "weights").tensors) {
    if (tensor.name == "fc1.weight") {
      EXPECT_EQ(values(tensor), (std::vector<float>{1, 2, 3, 4}));
    }
  }
}

TEST_F(TrialExports, ATrialThatIsNotDoneOrNotThereIsRefused) {
  EXPECT_THAT(refusal(all_of(2)), HasSubstr("is not done; run its sweep first"));
  TrialExport none = all_of(1);
  none.trial = "ffffffffffffffff";
  EXPECT_THAT(refusal(none), HasSubstr("no trial's key begins with"));
}

TEST_F(TrialExports, ADamagedArtifactIsNamedWithItsRemedy) {
  std::string bytes = read_file(artifact(retrain), 10000);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomically(artifact(retrain), bytes);
  EXPECT_THAT(refusal(all_of(1), ErrorKind::corrupt),
              HasSubstr(artifact(retrain).string() + ": is damaged; `espalier db check --repair`"));
  std::filesystem::remove(artifact(retrain));
  EXPECT_THAT(refusal(all_of(1), ErrorKind::corrupt), HasSubstr("`espalier db check --repair`"));
}

TEST_F(TrialExports, WhatIsThereIsNotOverwrittenUnlessAskedTo) {
  TrialExport wanted = all_of(1);
  write_file_atomically(wanted.masks, "another's");
  EXPECT_THAT(refusal(wanted), HasSubstr(wanted.masks.string()));
  EXPECT_EQ(read_file(wanted.masks, 100), "another's");
  wanted.overwrite = Overwrite::allow;
  export_trial(store_.paths().root, wanted);
  EXPECT_NE(read_file(wanted.masks, 10000), "another's");
}

TEST_F(TrialExports, OnlyAModelThatWasAModuleBecomesOne) {
  TrialExport wanted = all_of(1);
  wanted.torchscript = folder_.path / "trained.pt";
  wanted.module = folder_.path / "net.pt";
  EXPECT_THAT(refusal(wanted), HasSubstr("lenet-300-100 is no TorchScript module"));
  EXPECT_FALSE(std::filesystem::exists(wanted.torchscript));
}

}  // namespace
}  // namespace espalier
