// A TorchScript module is trained, pruned, resumed and written like any network.
#include <fstream>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "experiments/models/model_description.h"
#include "tests/worker/files/fake_supply.h"
#include "tests/worker/jobs/job_test.h"
#include "tests/worker/torchscript/script_module_file.h"
#include "worker/inspection/script_facts.h"
#include "worker/network/initialization.h"
#include "worker/network/network.h"
#include "worker/torchscript/script_module.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ScriptBody : public JobTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    file_ = folder_ / "net.pt";
    write_script_module(file_);
    use(file_);
  }
  void use(const std::filesystem::path& file) {
    ModelSpec spec{"torchscript-test", {1, 28, 28}, 10, describe_script(file, {1, 28, 28}, 10)};
    model_ = spec;
  }
  ModelDescription description() const {
    ModelDescription model = describe_model(model_);
    model.file_path = file_.string();
    return model;
  }
  JobStage at_file(JobStage stage) const {
    stage.model_path = file_.string();
    return stage;
  }
  JobStage as_scripted() const {
    JobStage stage = init("init");
    stage.spec = canonical_json(InitSpec{model_, "as_scripted", "init"});
    return at_file(stage);
  }
  static at::Tensor find(const NamedTensors& tensors, const std::string& name) {
    for (const auto& [known, tensor] : tensors) {
      if (known == name) return tensor;
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }
  NamedTensors artifact_of(const std::string& name) const {
    const std::string bytes = read_file(artifact(name), 1 << 30);
    return from_file(parse_safetensors(bytes, name), at::kCPU);
  }
  template <typename Call>
  static std::string refusal(Call call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << error.what();
      return error.what();
    }
    return "accepted";
  }
  std::filesystem::path file_;
};

TEST_F(ScriptBody, ItsLayersAreCountedByHand) {
  const ModelFile& facts = *model_.file;
  ASSERT_EQ(facts.layers.size(), 3U);
  EXPECT_EQ(facts.layers[0].name, "conv");
  EXPECT_THAT(facts.layers[0].shape, ElementsAre(4, 1, 3, 3));
  EXPECT_EQ(facts.layers[0].madds, 36 * 28 * 28);  // padded: a product for each pixel
  EXPECT_TRUE(facts.layers[0].bias);
  EXPECT_THAT(facts.layers[1].shape, ElementsAre(12, 196));
  EXPECT_EQ(facts.layers[1].madds, 12 * 196);
  EXPECT_FALSE(facts.layers[1].bias);
  EXPECT_EQ(facts.layers[2].madds, 120);
  EXPECT_TRUE(facts.layers[2].is_output);
  EXPECT_FALSE(facts.layers[1].is_output);
  EXPECT_EQ(facts.parameters, 36 + 4 + 2352 + 120 + 10 + 1);  // and no frozen one
  EXPECT_EQ(count_model(describe_model(model_)).prunable, 36 + 2352 + 120);
  EXPECT_EQ(parse_spec<ModelFile>(canonical_json(facts)), facts);
}

TEST_F(ScriptBody, ComputesWhatTheModuleDoes) {
  Network network(description(), at::kCPU);
  const at::Tensor images = at::ones({3, 1, 28, 28});
  const at::Tensor expected = ScriptModule(file_, at::kCPU).forward(images, false);
  EXPECT_TRUE(at::equal(network.forward(images), expected));
  network.parameters().zero_();  // its memory is the network's
  EXPECT_TRUE(at::equal(network.forward(images), at::ones({3, 10}).mul(0.5)));
}

/// The coordinator has it.
class ModuleElsewhere : public FakeSupply {
 public:
  ModuleElsewhere(const std::filesystem::path& folder, std::filesystem::path module)
      : FakeSupply(folder), module_(std::move(module)) {}
  std::string bring(const FileName& file) override {
    if (is_here(file)) return "";
    std::filesystem::create_directories(place(file).parent_path());
    std::filesystem::copy_file(module_, place(file));
    return "";
  }

 private:
  const std::filesystem::path module_;
};

TEST_F(ScriptBody, ACopyThatIsDamagedIsFetchedAnew) {
  ModuleElsewhere supply(folder_ / "cache", file_);
  const FileName file{FileKind::model, model_.file->content};
  std::filesystem::create_directories(supply.place(file).parent_path());
  write_file_atomically(supply.place(file), "no module");
  std::filesystem::last_write_time(supply.place(file),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  WorkerSettings settings = this->settings();
  settings.supply = &supply;
  JobStage stage = as_scripted();
  stage.model_path = (folder_ / "nowhere.pt").string();
  const std::atomic<bool> stop = false;
  EXPECT_EQ(JobRunner(settings).run_job({1, {stage}}, stop, {}), JobEnd::finished);
  EXPECT_EQ(read_file(supply.place(file), 1 << 30), read_file(file_, 1 << 30));
}

// Loading a module runs code of it: what it was to be is asked first.
TEST_F(ScriptBody, AnotherFileIsRefusedBeforeItIsLoaded) {
  write_file_atomically(file_, "no module at all");
  try {
    Network network(description(), at::kCPU);
    FAIL() << "another file was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("is another file than when this sweep was read"), std::string::npos)
        << error.what();
  }
}

TEST_F(ScriptBody, BuffersTravelIntegersToo) {
  Network network(description(), at::kCPU);
  const at::Tensor images = at::ones({2, 1, 28, 28});
  for (int pass = 0; pass < 3; ++pass) network.forward(images, {Mode::train, nullptr});
  network.forward(images);
  const NamedTensors held = network.weights();
  EXPECT_EQ(find(held, "passes").item<std::int64_t>(), 3);
  EXPECT_EQ(find(held, "replaced").item<std::int64_t>(), 6);
  EXPECT_EQ(find(held, "attention.mask.value").numel(), 12);  // ".mask" would be a mask's name
  EXPECT_EQ(find(held, "frozen").item<float>(), 0.5F);
  Network other(description(), at::kCPU);
  other.set_weights(held);
  other.forward(images, {Mode::train, nullptr});
  EXPECT_EQ(find(other.weights(), "passes").item<std::int64_t>(), 4);
  EXPECT_EQ(find(other.weights(), "replaced").item<std::int64_t>(), 8);
}

TEST_F(ScriptBody, DropoutIsAFunctionOfTheStepAndLeavesTheGeneratorAlone) {
  Network network(description(), at::kCPU);
  const at::Tensor images = at::ones({4, 1, 28, 28});
  const auto output = [&](std::uint64_t seed) {
    network.seed_step(seed);
    return network.forward(images, {Mode::train, nullptr});
  };
  const at::Tensor state = at::detail::getDefaultCPUGenerator().get_state();
  const at::Tensor first = output(7);
  EXPECT_TRUE(at::equal(at::detail::getDefaultCPUGenerator().get_state(), state));
  EXPECT_FALSE(at::equal(output(8), first));
  EXPECT_TRUE(at::equal(output(7), first));
}

TEST_F(ScriptBody, ACutTrainingEqualsTheUncutOne) {
  const StageOutcome whole = done({as_scripted(), at_file(train("end", train_spec(30), "init"))}, "uncut");
  JobStage cut = at_file(train("cut", train_spec(17), "init"));
  cut.keep_resume_state = true;
  JobStage rest = at_file(train("end", train_spec(30), "init"));
  rest.resume_from = key("cut");
  done({as_scripted(), cut});
  const StageOutcome resumed = done({rest});
  EXPECT_EQ(resumed.first_step, 17);
  EXPECT_EQ(resumed.artifact_sha256, whole.artifact_sha256);
  expect_equal_metrics(resumed, whole);
  EXPECT_EQ(find(artifact_of("end"), "passes").item<std::int64_t>(), 30);
}

TEST_F(ScriptBody, InitKeepsTheFilesWeightsOrDrawsThoseOfLayers) {
  const NamedTensors given = Network(description(), at::kCPU).weights();
  Network network(description(), at::kCPU);
  initialize(network, {model_, "as_scripted", "init"}, 3);
  EXPECT_TRUE(at::equal(find(network.weights(), "fc1.weight"), find(given, "fc1.weight")));
  initialize(network, {model_, "kaiming_normal", "reinit"}, 3);
  EXPECT_FALSE(at::equal(find(network.weights(), "fc1.weight"), find(given, "fc1.weight")));
  for (const char* kept : {"conv.bias", "gain", "passes", "mask"})
    EXPECT_TRUE(at::equal(find(network.weights(), kept), find(given, kept))) << kept;
}

TEST_F(ScriptBody, PrunedWeightsStayZeroAndAreWrittenBack) {
  PruneSpec spec = prune_spec("magnitude", 500);
  JobStage retrain = at_file(train("end", train_spec(20), "init"));
  retrain.inputs.emplace_back(InputRole::masks, key("masks"));
  JobStage measure = at_file(evaluate("result", "end"));
  done({as_scripted(), at_file(prune("masks", spec, "init")), retrain, measure});
  const NamedTensors weights = artifact_of("end"), masks = artifact_of("masks");
  std::int64_t kept = 0;
  for (const char* layer : {"conv.weight", "fc1.weight", "fc2.weight"}) {
    kept += find(masks, layer).sum().item<std::int64_t>();
    EXPECT_EQ(find(weights, layer).count_nonzero().item<std::int64_t>(), find(masks, layer).sum().item<std::int64_t>());
  }
  EXPECT_EQ(kept, 500);
  export_script(file_, artifact("end"), folder_ / "trained.pt");
  ScriptModule trained(folder_ / "trained.pt", at::kCPU);
  Network network(description(), at::kCPU);
  network.set_weights(weights);
  const at::Tensor images = at::ones({3, 1, 28, 28});
  EXPECT_TRUE(at::equal(trained.forward(images, false), network.forward(images)));
}

TEST_F(ScriptBody, ObserversSeeWhatItsLayersTakeAndGive) {
  struct Seen : ForwardObserver {
    std::vector<std::string> layers;
    void on_layer_input(const std::string& layer, const at::Tensor& input) override {
      layers.push_back(layer + " takes " + std::to_string(input.numel()));
    }
    void on_layer_output(const std::string& layer, const at::Tensor& output) override {
      layers.push_back(layer + " gives " + std::to_string(output.numel()));
    }
  } seen;
  const Network network(description(), at::kCPU);
  network.forward(at::ones({2, 1, 28, 28}), {Mode::evaluate, &seen});
  EXPECT_THAT(seen.layers, ElementsAre("conv takes 1568", "conv gives 6272", "fc1 takes 392", "fc1 gives 24",
                                       "fc2 takes 24", "fc2 gives 20"));
}

TEST(ScriptInput, RowsAreRowsUnlessTheyKeepTheirShape) {
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{2, 1, 1, 8}, {2, 8, 1, 1}, {2, 1, 8, 1}}) {
    EXPECT_EQ(script_input(at::ones(shape), false).sizes().vec(), (std::vector<std::int64_t>{2, 8}));
    EXPECT_EQ(script_input(at::ones(shape), true).sizes().vec(), shape);
  }
  EXPECT_EQ(script_input(at::ones({2, 1, 2, 4}), false).dim(), 4);
}

TEST_F(ScriptBody, FilesThatAreNoneAreRefused) {
  const auto describe = [&](const std::filesystem::path& file) {
    return refusal([&] { describe_script(file, {1, 28, 28}, 10); });
  };
  EXPECT_THAT(describe(folder_ / "none.pt"), HasSubstr("No such file"));
  EXPECT_THAT(describe(folder_), HasSubstr(folder_.string()));
  std::ofstream(folder_ / "noise.pt", std::ios::binary) << std::string(5000, 'x');
  EXPECT_THAT(describe(folder_ / "noise.pt"), HasSubstr("is no TorchScript file"));
  std::ofstream(folder_ / "empty.pt");
  EXPECT_THAT(describe(folder_ / "empty.pt"), HasSubstr("is no TorchScript file"));
  // A zip file of nothing: its end of central directory, and no entry.
  std::ofstream(folder_ / "zip.pt", std::ios::binary) << std::string("PK\x05\x06", 4) + std::string(18, '\0');
  EXPECT_THAT(describe(folder_ / "zip.pt"), HasSubstr("is no TorchScript file"));
  const std::string bytes = read_file(file_, 1 << 20);
  for (const std::size_t size : {bytes.size() / 3, bytes.size() - 30}) {
    std::ofstream(folder_ / "half.pt", std::ios::binary) << bytes.substr(0, size);
    EXPECT_THAT(describe(folder_ / "half.pt"), HasSubstr("is no TorchScript file"));
  }
  write_script_without_layers(folder_ / "bare.pt");
  EXPECT_THAT(describe(folder_ / "bare.pt"), HasSubstr("no Linear or Conv2d layer"));
}

TEST_F(ScriptBody, AModuleThatDoesNotFitTheDatasetIsRefused) {
  EXPECT_THAT(refusal([&] { describe_script(file_, {3, 28, 28}, 10); }), HasSubstr("given 2x3x28x28"));
  EXPECT_THAT(refusal([&] { describe_script(file_, {1, 28, 28}, 100); }), HasSubstr("expected 2x100"));
}

TEST_F(ScriptBody, AFileThatChangedSinceIsRefused) {
  done({as_scripted()});
  std::ofstream(file_, std::ios::binary | std::ios::app) << ' ';
  const Run run = this->run({at_file(train("end", train_spec(5), "init"))});
  ASSERT_EQ(run.end, JobEnd::failed);
  EXPECT_EQ(run.outcomes.front().failure->kind, ErrorKind::invalid_input);
}

TEST_F(ScriptBody, KnowsNoChannels) {
  PruneSpec spec = prune_spec("magnitude", 5);
  spec.granularity = "channel l2";
  const Run run = this->run({as_scripted(), at_file(prune("masks", spec, "init"))});
  ASSERT_EQ(run.end, JobEnd::failed);
  EXPECT_THAT(run.outcomes.back().failure->message, HasSubstr("how layers are joined"));
}

}  // namespace
}  // namespace espalier
