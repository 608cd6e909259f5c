// What a module does only while it is trained is seen before it is.
#include <filesystem>
#include <unistd.h>

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "experiments/models/model_description.h"
#include "tests/worker/torchscript/script_module_file.h"
#include "worker/inspection/script_facts.h"
#include "worker/network/network.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kGood = "  return self.fc2.forward(torch.relu(self.fc1.forward(x)))\n";
constexpr const char* kFlatNorm =
    "  h = torch.batch_norm(self.fc1.forward(x), None, None, self.mean, self.variance, self.training, 0.1, 1e-5, "
    "False)\n"
    "  return self.fc2.forward(torch.relu(h))\n";

class ScriptRehearsalTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ModelFile look(const std::array<std::int64_t, 3>& input = {1, 1, 8}) const {
    return describe_script(file_, input, 2);
  }
  ModelFile look_at(const std::string& forward, const std::string& more = "") const {
    write_rows_module(file_, forward, more);
    return look();
  }
  /// What is said of a module with this forward pass.
  std::string refusal(const std::string& forward, const std::string& more = "") const {
    write_rows_module(file_, forward, more);
    return refusal();
  }
  std::string refusal() const {
    try {
      look();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << error.what();
      EXPECT_THAT(error.what(), AllOf(HasSubstr(file_.string()), Not(HasSubstr("frame #"))));
      return error.what();
    }
    return "accepted";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_rehearsal_" + std::to_string(::getpid()));
  const std::filesystem::path file_ = folder_ / "net.pt";
};

TEST_F(ScriptRehearsalTest, AGoodModuleHasNothingToBeSaid) {
  const ModelFile seen = look_at(kGood);
  EXPECT_THAT(seen.remarks, IsEmpty());
  EXPECT_EQ(seen.lone_example, "");
  EXPECT_FALSE(seen.batch_norm);
  EXPECT_EQ(seen.parameters, 16 * 8 + 16 + 2 * 16 + 2);
}

TEST_F(ScriptRehearsalTest, WhatNoGradientReachesIsRefused) {
  const auto matcher = HasSubstr("no gradient leads from its output back to any of its parameters");
  EXPECT_THAT(refusal("  return self.fc2.forward(torch.relu(self.fc1.forward(x))).detach()\n"), matcher);
  EXPECT_THAT(refusal("  return self.fc2.forward(self.fc1.forward(x)).sign().detach() * 2.0\n"), matcher);
  EXPECT_THAT(
      refusal("  y = self.fc2.forward(self.fc1.forward(x))\n  if self.training:\n    y = y.detach()\n  return y\n"),
      AllOf(matcher, HasSubstr("3x8 in training mode")));
}

TEST_F(ScriptRehearsalTest, IntegersAreNoLogits) {
  EXPECT_THAT(refusal("  return self.fc2.forward(self.fc1.forward(x)).round().to(4)\n"),
              AllOf(HasSubstr("of type Long"), HasSubstr("expected 2x2 of float")));
}

TEST_F(ScriptRehearsalTest, TheOutputHasItsShapeInBothModes) {
  const auto in_training = [](const std::string& other) {
    return "  y = self.fc2.forward(self.fc1.forward(x))\n  if self.training:\n    y = " + other + "\n  return y\n";
  };
  EXPECT_THAT(refusal(in_training("torch.cat([y, y], 1)")),
              HasSubstr("an output of 3x4 for 3 examples in training mode"));
  EXPECT_THAT(refusal(in_training("torch.cat([y, y])")), HasSubstr("an output of 6x2 for 3 examples in training mode"));
  EXPECT_THAT(refusal(in_training("y.mean(0)")), HasSubstr("an output of 2 for 3 examples in training mode"));
  EXPECT_THAT(refusal("  y = self.fc2.forward(self.fc1.forward(x))\n  return y if self.training else y[:1]\n"),
              HasSubstr("an output of 1x2 for 2 examples; expected 2x2"));
}

TEST_F(ScriptRehearsalTest, EveryPassOfATrainingComparesTheOutputsShape) {
  ModelDescription model = describe_model(
      {"torchscript",
       {1, 1, 8},
       2,
       look_at("  y = self.fc2.forward(self.fc1.forward(x))\n  if x.size(0) > 3:\n    y = torch.cat([y, y], 1)\n"
               "  return y\n")});
  model.file_path = file_.string();
  const Network network(model, at::kCPU);
  for (const Mode mode : {Mode::train, Mode::evaluate, Mode::batch_statistics}) {
    EXPECT_EQ(network.forward(at::ones({3, 1, 1, 8}), {mode, nullptr}).size(1), 2);
    try {
      network.forward(at::ones({5, 1, 1, 8}), {mode, nullptr});
      ADD_FAILURE() << "an output of twice the width was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_THAT(error.what(), AllOf(HasSubstr("an output of 5x4 for 5 examples"), HasSubstr("expected 5x2")));
    }
  }
}

TEST_F(ScriptRehearsalTest, AModuleMayFailInOneModeOnly) {
  EXPECT_THAT(refusal("  assert not self.training, \"only to look at\"\n" + std::string(kGood)),
              AllOf(HasSubstr("only to look at"), HasSubstr("3x8 in training mode")));
}

TEST_F(ScriptRehearsalTest, ABatchThatTheTraceFixedIsSeen) {
  for (const char* size : {"2", "3"}) {
    EXPECT_THAT(refusal("  return self.fc2.forward(self.fc1.forward(x)).view([" + std::string(size) + ", 2])\n"),
                HasSubstr("is invalid for input of size"));
  }
}

TEST_F(ScriptRehearsalTest, ABufferThatTakesTheBatchesShapeIsSeen) {
  EXPECT_THAT(
      refusal(
          "  h = self.fc1.forward(x)\n  if self.training:\n    self.seen = h.detach()\n  return self.fc2.forward(h)\n"),
      HasSubstr("changes the shape of buffer seen"));
  EXPECT_THAT(refusal("  h = self.fc1.forward(x)\n  self.seen = torch.cat([self.seen, h.detach()])\n  return "
                      "self.fc2.forward(h)\n"),
              HasSubstr("changes the shape of buffer seen"));
}

TEST_F(ScriptRehearsalTest, WhatAutogradComplainsOfIsToldInItsWords) {
  EXPECT_THAT(
      refusal("  h = torch.sigmoid(self.fc1.forward(x))\n  y = self.fc2.forward(h)\n  h.mul_(2.0)\n  return y\n"),
      HasSubstr("modified by an inplace operation"));
}

TEST_F(ScriptRehearsalTest, ALayerWithoutGradientIsNamed) {
  EXPECT_THAT(look_at("  return self.fc2.forward(torch.relu(self.fc1.forward(x)).detach())\n").remarks,
              ElementsAre(HasSubstr("no gradient reaches fc1:")));
}

TEST_F(ScriptRehearsalTest, NumbersThatAreNoneAreNamed) {
  write_broken_rows_module(file_);
  EXPECT_THAT(look().remarks, ElementsAre(AllOf(HasSubstr("NaN or infinite"), HasSubstr("fc.weight"))));
}

TEST_F(ScriptRehearsalTest, ABatchNormNeedsMoreThanOneExample) {
  const ModelFile seen = look_at(kFlatNorm);
  EXPECT_TRUE(seen.batch_norm);
  EXPECT_THAT(seen.lone_example, HasSubstr("variance"));  // infinite from then on
  const ModelFile own = look_at(
      "  h = self.fc1.forward(x)\n  if self.training:\n    h = (h - h.mean(0)) / h.std(0)\n"
      "  return self.fc2.forward(h)\n");
  EXPECT_FALSE(own.batch_norm);
  EXPECT_THAT(own.lone_example, HasSubstr("its loss is no number"));
  const ModelFile raises = look_at("  assert x.size(0) > 1 or not self.training, \"too few\"\n" + std::string(kGood));
  EXPECT_THAT(raises.lone_example, HasSubstr("too few"));
}

TEST_F(ScriptRehearsalTest, ABatchNormOverMapsTakesOneExample) {
  const ModelFile seen = look_at(
      "  h = self.fc1.forward(x).view([-1, 4, 2, 2])\n"
      "  h = torch.batch_norm(h, None, None, None, None, self.training or h.size(0) > 0, 0.1, 1e-5, False)\n"
      "  return self.fc2.forward(torch.flatten(h, 1))\n");
  EXPECT_TRUE(seen.batch_norm);
  EXPECT_EQ(seen.lone_example, "");
}

TEST_F(ScriptRehearsalTest, AnInstanceNormIsNoBatchNorm) {
  EXPECT_FALSE(look_at("  h = self.fc1.forward(x).view([-1, 4, 2, 2])\n"
                       "  h = torch.instance_norm(h, None, None, None, None, True, 0.1, 1e-5, False)\n"
                       "  return self.fc2.forward(torch.flatten(h, 1))\n")
                   .batch_norm);
}

TEST_F(ScriptRehearsalTest, AModuleThatDropsTheBatchOfOneIsToldSo) {
  const ModelFile seen = look_at("  return self.fc2.forward(torch.relu(self.fc1.forward(x))).squeeze()\n");
  EXPECT_THAT(seen.remarks, ElementsAre(HasSubstr("takes no batch of one example in evaluation mode")));
  EXPECT_THAT(seen.lone_example, HasSubstr("an output of 2 for 1 example in training mode"));
}

TEST_F(ScriptRehearsalTest, LayersLeftOutAreNamedWithTheirReason) {
  using enum Reparameterized;
  const std::vector<std::pair<Reparameterized, std::string>> reasons{
      {frozen, "requires_grad=False"},
      {buffer, "is a buffer"},
      {weight_norm, "computed from weight_g and weight_v; call torch.nn.utils.remove_weight_norm(layer)"},
      {pruned, "computed from weight_orig and weight_mask; call torch.nn.utils.prune.remove(layer"},
      {spectral_norm, "computed from weight_orig and weight_u; call torch.nn.utils.remove_spectral_norm(layer)"},
      {parametrized,
       "parametrizations.weight.original0 and parametrizations.weight.original1; call torch.nn.utils.param"},
      {noisy, "computed from mu"}};
  for (const auto& [how, reason] : reasons) {
    write_reparameterized_module(file_, how, no);
    const ModelFile seen = look();
    EXPECT_THAT(seen.remarks, ElementsAre(AllOf(HasSubstr("not pruned: fc1: its weight"), HasSubstr(reason),
                                                HasSubstr("sparsity_total"))));
    ASSERT_EQ(seen.layers.size(), 1U);
    EXPECT_EQ(seen.layers[0].name, "fc2");
    write_reparameterized_module(file_, how, how);
    EXPECT_THAT(refusal(), AllOf(HasSubstr("nothing to prune: of fc1, its weight"), HasSubstr("; of fc2, its weight"),
                                 HasSubstr(reason)));
  }
}

TEST_F(ScriptRehearsalTest, ComplaintsOfSeveralLinesStayWhole) {
  EXPECT_THAT(refusal("  assert x.size(0) == 7, \"first line\\nsecond line\"\n" + std::string(kGood)),
              HasSubstr("first line\nsecond line"));
  EXPECT_THAT(refusal("  return self.fc2.forward(x)\n"),
              AllOf(HasSubstr("mat1 and mat2 shapes cannot be multiplied"), HasSubstr(", in forward: ")));
}

}  // namespace
}  // namespace espalier
