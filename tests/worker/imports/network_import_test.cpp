#include "worker/imports/network_import.h"

#include <unistd.h>

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "tests/worker/lowering/small_network.h"
#include "worker/network/stored_network.h"
#include "worker/torchscript/script_module.h"

// What becomes of a TorchScript file when a sweep names it: a graph that was seen to compute the same, or a black box
// and the reason.

namespace espalier {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kPlainForward = R"(
  h = torch.relu(self.norm.forward(self.conv.forward(x)))
  return self.fc.forward(h.mean([2, 3]))
)";

class ImportedModule : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static SmallNetwork network() {
    SmallNetwork network;
    network.conv("conv", 2, 6, 3).batch_norm("norm", 6).linear("fc", 6, 3);
    return network;
  }
  NetworkImportRequest request(const std::string& output = "") const {
    NetworkImportRequest request;
    request.from = from_;
    request.format = "torchscript";
    request.output = output;
    request.input = {2, 8, 8};
    request.classes = 3;
    request.to = to_;
    return request;
  }
  ModelFile imported(SmallNetwork network, const std::string& forward, const std::string& output = "") const {
    network.save(from_, forward);
    return import_network(request(output));
  }
  at::Tensor stored(const ModelFile& file, const std::string& name) const {
    for (const auto& [known, tensor] : load_network(to_, file.content).tensors) {
      if (known == name) return tensor;
    }
    throw Error(ErrorKind::internal, "no tensor " + name);
  }
  static at::Tensor tensor_of(const std::filesystem::path& module, const std::string& name) {
    const ScriptModule loaded(module, at::kCPU);
    for (const ScriptTensor& one : loaded.tensors()) {
      if (one.name == name) return one.tensor.detach().clone();
    }
    throw Error(ErrorKind::internal, "no tensor " + name);
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("network_import_" + std::to_string(::getpid()));
  const std::filesystem::path from_ = folder_ / "net.pt", to_ = folder_ / "net.safetensors";
};

TEST_F(ImportedModule, IsAGraphKnownByWhatIsInIt) {
  const ModelFile file = imported(network(), kPlainForward);
  EXPECT_TRUE(file.is_graph);
  EXPECT_EQ(file.obstacle, "");
  EXPECT_THAT(file.remarks, IsEmpty());
  // Other bytes of the archive, and the same network.
  SmallNetwork again = network();
  again.buffer("unread", at::ones({5}));
  const ModelFile same = imported(again, std::string("\n  if self.training:\n    x = x + 0.0") + kPlainForward);
  EXPECT_EQ(same.content, file.content);
}

TEST_F(ImportedModule, KeepsTheStatisticsOfItsBatchNorms) {
  const ModelFile file = imported(network(), kPlainForward);
  for (const char* name : {"norm.running_mean", "norm.running_var"})
    EXPECT_TRUE(stored(file, name).equal(tensor_of(from_, name))) << name;
}

TEST_F(ImportedModule, IsComparedWithoutDropout) {
  const ModelFile file = imported(network(), R"(
  h = torch.dropout(self.norm.forward(self.conv.forward(x)), 0.5, self.training)
  return self.fc.forward(h.mean([2, 3]))
)");
  EXPECT_EQ(file.obstacle, "");
  EXPECT_THAT(file.remarks, IsEmpty());
}

TEST_F(ImportedModule, ThatCannotStopDrawingIsComparedInEvaluationAlone) {
  SmallNetwork drawing = network();
  drawing.buffer("always", at::ones({}));
  const ModelFile file = imported(drawing, R"(
  h = self.norm.forward(self.conv.forward(x))
  if self.fc.weight.requires_grad and self.norm.training:
    h = h * torch.bernoulli(torch.ones([1]) * 0.5)
  return self.fc.forward(h.mean([2, 3]))
)");
  EXPECT_TRUE(file.is_graph) << file.obstacle;
  EXPECT_THAT(file.remarks, AllOf(Contains(HasSubstr("draws random numbers in training that no dropout explains")),
                                  Contains(HasSubstr("only its outputs in evaluation mode were compared"))));
}

TEST_F(ImportedModule, ThatTrainsOtherwiseStaysABlackBox) {
  const ModelFile file = imported(network(), R"(
  h = self.norm.forward(self.conv.forward(x)).mean([2, 3])
  if self.training:
    h = h * 1.25
  return self.fc.forward(h) * 1.0
)");
  EXPECT_FALSE(file.is_graph);
  EXPECT_EQ(file.layers.size(), 2U);
  EXPECT_THAT(file.obstacle,
              HasSubstr("described by operators, its outputs in training mode are others: they differ by 0."));
  EXPECT_FALSE(std::filesystem::exists(to_));
}

TEST_F(ImportedModule, WithAnOperatorThatIsNotKnownStaysABlackBoxAndTheOperatorIsNamed) {
  const ModelFile file = imported(network(), R"(
  h = self.norm.forward(self.conv.forward(x)).mean([2, 3])
  return self.fc.forward(torch.cumsum(h, 1))
)");
  EXPECT_FALSE(file.is_graph);
  EXPECT_THAT(file.obstacle, AllOf(HasSubstr("aten::cumsum is not understood"), HasSubstr("torch.cumsum(h, 1)"),
                                   testing::Not(HasSubstr(from_.string()))));
}

TEST_F(ImportedModule, ThatGivesADictionaryHasOneOutputChosen) {
  SmallNetwork two = network();
  two.linear("other", 6, 3);
  const char* const dictionary = R"(
  h = torch.relu(self.norm.forward(self.conv.forward(x))).mean([2, 3])
  return {"aux": self.other.forward(h), "logits": self.fc.forward(h)}
)";
  const ModelFile chosen = imported(two, dictionary, "logits");
  EXPECT_TRUE(chosen.is_graph);
  EXPECT_THAT(chosen.remarks, Contains(HasSubstr("its logits are logits, and aux is ignored")));
  EXPECT_EQ(import_network(request("1")).content, chosen.content);
  EXPECT_NE(import_network(request("aux")).content, chosen.content);
}

TEST_F(ImportedModule, ThatIsABlackBoxHasNoOutputsToChooseFrom) {
  try {
    imported(network(), R"(
  h = self.norm.forward(self.conv.forward(x)).mean([2, 3])
  return self.fc.forward(torch.cumsum(h, 1))
)",
             "logits");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("net.pt: cannot be a graph of operators, among whose outputs"),
                                    HasSubstr("aten::cumsum")));
  }
}

TEST_F(ImportedModule, TakesTheTrainedTensorsOfItsGraphAndNoOthers) {
  const ModelFile file = imported(network(), kPlainForward);
  const std::filesystem::path trained = folder_ / "trained.safetensors";
  NamedTensors tensors = load_network(to_, file.content).tensors;
  for (auto& [name, tensor] : tensors) tensor = tensor.add(1);
  write_file_atomically(trained, to_safetensors(to_file(tensors, {}).content));
  NetworkImportRequest wanted = request();
  wanted.to = folder_ / "trained.pt";
  export_network(wanted, file.content, trained);
  for (const char* name : {"conv.weight", "norm.bias", "norm.running_var"})
    EXPECT_TRUE(tensor_of(wanted.to, name).equal(tensor_of(from_, name).add(1))) << name;
  EXPECT_TRUE(tensor_of(wanted.to, "norm.num_batches_tracked").equal(tensor_of(from_, "norm.num_batches_tracked")));
  try {
    export_network(wanted, std::string(64, '0'), trained);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("net.pt: is not the file that this trial's network was made from"));
  }
}

}  // namespace
}  // namespace espalier
