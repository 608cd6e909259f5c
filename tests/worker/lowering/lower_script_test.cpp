// A TorchScript module becomes a graph that computes the same, or it is said what stands in the way.
#include "worker/lowering/lower_script.h"

#include <unistd.h>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "tests/worker/lowering/same_outputs.h"
#include "tests/worker/lowering/small_network.h"
#include "tests/worker/torchscript/script_module_file.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kClasses = 3;
const std::vector<std::int64_t> kImage{2, 8, 8};

class LowerScript : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(path_.parent_path()); }

  /// Lowered, and found equal in evaluation and training.
  LoweredModule lowered(const std::string& output = "") {
    LoweredModule module = lower_script(path_, kImage, kClasses, output);
    const OutputDifference difference = output_difference(path_, module, kImage, kClasses, output);
    EXPECT_LE(difference.evaluation, 1e-5) << module.graph->text();
    EXPECT_EQ(difference.training_trouble, "");
    EXPECT_LE(difference.training, 1e-5) << module.graph->text();
    return module;
  }
  LoweredModule lowered_code(SmallNetwork& network, const std::string& forward) {
    network.save(path_, forward);
    return lowered();
  }
  std::string refusal(SmallNetwork& network, const std::string& forward, const std::string& output = "") {
    network.save(path_, forward);
    try {
      lower_script(path_, kImage, kClasses, output);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input) << error.what();
      return error.what();
    }
    return "accepted";
  }
  /// A classifier over the mean of channels: its fc has so many inputs.
  static SmallNetwork& with_head(SmallNetwork& network, std::int64_t channels = 4) {
    return network.conv("conv", 2, channels, 3).linear("fc", channels, kClasses);
  }

  void TearDown() override { std::filesystem::remove_all(path_.parent_path()); }

  const std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) / ("lower_script_" + std::to_string(::getpid())) / "net.pt";
};

TEST_F(LowerScript, LayersAreNamedAndRolesComeFromUse) {
  SmallNetwork network;
  network.conv("conv", 2, 4, 3).batch_norm("bn", 4).linear("fc", 4, kClasses);
  const LoweredModule module = lowered_code(network, R"(
  h = torch.relu_(self.bn.forward(self.conv.forward(x)))
  h = torch.flatten(torch.adaptive_avg_pool2d(torch.max_pool2d(h, [2, 2]), [1, 1]), 1)
  return self.fc.forward(h)
)");
  EXPECT_EQ(module.graph->text(), R"(input input [N, 2, 8, 8]
weight conv.weight [4, 2, 3, 3]
bias conv.bias [4]
scale bn.weight [4]
bias bn.bias [4]
weight fc.weight [3, 4]
bias fc.bias [3]
buffer bn.running_mean [4]
buffer bn.running_var [4]
conv = Conv(input, conv.weight, conv.bias) dilations=[1 1] groups=1 padding=[1 1] strides=[1 1] -> [N, 4, 8, 8]
bn = BatchNorm(conv, bn.weight, bn.bias, bn.running_mean, bn.running_var) epsilon=1e-05 momentum=0.1 -> [N, 4, 8, 8]
relu = Relu(bn) -> [N, 4, 8, 8]
maxpool = MaxPool(relu) dilations=[1 1] kernel=[2 2] padding=[0 0] round_up=0 strides=[2 2] -> [N, 4, 4, 4]
adaptiveaveragepool = AdaptiveAveragePool(maxpool) sizes=[1 1] -> [N, 4, 1, 1]
reshape = Reshape(adaptiveaveragepool) batch=0 sizes=[1 4] -> [N, 4]
fc = Linear(reshape, fc.weight, fc.bias) -> [N, 3]
output fc
)");
  EXPECT_THAT(module.remarks, IsEmpty());
  ASSERT_EQ(module.tensors.size(), 8U);
  EXPECT_EQ(module.tensors[0].first, "conv.weight");
}

TEST_F(LowerScript, AModuleOfManyParts) {
  write_script_module(path_);
  const LoweredModule module = lower_script(path_, {1, 28, 28}, 10);
  const OutputDifference difference = output_difference(path_, module, {1, 28, 28}, 10);
  EXPECT_LE(difference.evaluation, 1e-5);
  EXPECT_THAT(module.graph->text(), AllOf(HasSubstr("fc1 = Linear(dropout, fc1.weight, -)"),  // matmul with weight.t()
                                          HasSubstr("buffer attention.mask.value [12]"),
                                          HasSubstr("dropout = Dropout(reshape) probability=0.25")));
  EXPECT_THAT(module.remarks, IsEmpty());
}

TEST_F(LowerScript, WhatIsComputedInPlaceIsFollowed) {
  SmallNetwork network;
  lowered_code(with_head(network), R"(
  h = self.conv.forward(x)
  g = torch.sigmoid(h)
  h.add_(g)
  h.mul_(2).clamp_(-1., 1.)
  h += g
  return self.fc.forward(h.mean([2, 3]))
)");
}

TEST_F(LowerScript, WritingIntoAPartWritesIntoTheWhole) {
  SmallNetwork network;
  network.parameter("shift", {9});
  lowered_code(with_head(network), R"(
  shift = self.shift.clone()
  shift[3:6].zero_()
  h = self.conv.forward(x)
  h[:, 1:3].mul_(0.5)
  return torch.linear(h.mean([2, 3]), self.fc.weight, shift[2:5])
)");
}

TEST_F(LowerScript, WhatIsWrittenThroughAnotherViewIsNotReadAgain) {
  SmallNetwork network;
  EXPECT_THAT(refusal(with_head(network), R"(
  h = self.conv.forward(x)
  flat = h.flatten(1)
  h.mul_(2)
  return self.fc.forward(flat[:, 0:4])
)"),
              HasSubstr("aten::slice: reads a tensor whose memory was written to through another one"));
}

TEST_F(LowerScript, ShapesDecideAndNumbersDoNot) {
  SmallNetwork network;
  lowered_code(with_head(network), R"(
  h = self.conv.forward(x)
  if h.size(1) > 3:
    h = torch.relu(h)
  for i in range(h.size(2) // 4):
    h = h * (i + 0.5)
  return self.fc.forward(h.mean([2, 3]))
)");
  SmallNetwork other;
  EXPECT_THAT(refusal(with_head(other), R"(
  h = self.conv.forward(x)
  if bool(h.sum() > 0):
    h = torch.relu(h)
  return self.fc.forward(h.mean([2, 3]))
)"),
              HasSubstr("net.pt: aten::"));
}

TEST_F(LowerScript, TheNumberOfExamplesDecidesNothing) {
  SmallNetwork network;
  EXPECT_THAT(refusal(with_head(network), R"(
  h = self.conv.forward(x)
  if x.size(0) > 2:
    h = torch.relu(h)
  return self.fc.forward(h.mean([2, 3]))
)"),
              HasSubstr("depends on the number of examples"));
  SmallNetwork divided;
  EXPECT_THAT(refusal(with_head(divided), "  return self.fc.forward(self.conv.forward(x).mean([2, 3])) / x.size(0)\n"),
              HasSubstr("aten::div: has a other that depends on the number of examples"));
  SmallNetwork normed;
  EXPECT_THAT(refusal(with_head(normed), R"(
  h = self.fc.forward(self.conv.forward(x).mean([2, 3]))
  return h - h.mean([0])
)"),
              AllOf(HasSubstr("aten::mean"), HasSubstr("examples")));
}

TEST_F(LowerScript, AnUnknownOperatorIsNamedWithItsLine) {
  SmallNetwork network;
  EXPECT_THAT(refusal(with_head(network), R"(
  h = self.conv.forward(x).mean([2, 3])
  return self.fc.forward(torch.cumsum(h, 1))
)"),
              AllOf(HasSubstr("net.pt: aten::cumsum is not understood"), HasSubstr("torch.cumsum(h, 1)")));
}

TEST_F(LowerScript, GradientsThatAreCutOffAreRefused) {
  SmallNetwork network;
  EXPECT_THAT(refusal(with_head(network), "  return self.fc.forward(self.conv.forward(x).detach().mean([2, 3]))\n"),
              HasSubstr("aten::detach"));
}

TEST_F(LowerScript, ALayerThatIsUsedTwiceIsTwoNodesWithOneWeight) {
  SmallNetwork network;
  network.linear("mix", 4, 4);
  const LoweredModule module = lowered_code(with_head(network), R"(
  h = self.mix.forward(torch.relu(self.mix.forward(self.conv.forward(x).mean([2, 3]))))
  return self.fc.forward(h)
)");
  EXPECT_THAT(module.graph->text(),
              AllOf(HasSubstr("mix = Linear(reducemean, mix.weight"), HasSubstr("mix_2 = Linear(relu, mix.weight")));
  EXPECT_EQ(module.tensors.size(), 6U);
}

TEST_F(LowerScript, WhatAModuleRemembersIsRefused) {
  SmallNetwork counting;
  counting.buffer("seen", at::zeros({1}));
  EXPECT_THAT(refusal(with_head(counting), R"(
  self.seen.add_(1)
  return self.fc.forward(self.conv.forward(x).mean([2, 3])) * self.seen
)"),
              HasSubstr("aten::add_ changes a tensor of the module in evaluation mode"));
  SmallNetwork replacing;
  replacing.buffer("seen", at::zeros({1}));
  EXPECT_THAT(refusal(with_head(replacing), R"(
  h = self.conv.forward(x).mean([2, 3])
  self.seen = self.seen + h.mean()
  return self.fc.forward(h) + self.seen
)"),
              HasSubstr("aten::"));
}

TEST_F(LowerScript, ExamplesMayLieInsideOfADimensionForAWhile) {
  SmallNetwork network;
  network.linear("mix", 4, 4);
  const LoweredModule module = lowered_code(with_head(network), R"(
  tokens = self.conv.forward(x).flatten(2).permute(2, 0, 1)
  count = tokens.size(0)
  h = tokens.contiguous().view(-1, 4)
  h = torch.tanh(self.mix.forward(h))
  h = h.view(count, -1, 4).transpose(0, 1)
  return self.fc.forward(h.mean(1))
)");
  EXPECT_THAT(module.graph->text(), HasSubstr("mix = Linear(transpose, mix.weight, mix.bias) -> [64, N, 4]"));
}

TEST_F(LowerScript, AttentionWrittenOut) {
  SmallNetwork network;
  network.linear("qkv", 4, 12).parameter("place", {1, 64, 4}).parameter("first", {1, 1, 4});
  lowered_code(with_head(network), R"(
  h = self.conv.forward(x).flatten(2).transpose(1, 2) + self.place
  h = torch.cat([self.first.expand(h.size(0), -1, -1), h], 1)
  q, k, v = self.qkv.forward(h).view(h.size(0), 65, 3, 2, 2).permute(2, 0, 3, 1, 4).unbind(0)
  weights = torch.softmax(q.matmul(k.transpose(-2, -1)) * 0.7, -1)
  h = weights.matmul(v).transpose(1, 2).reshape(h.size(0), 65, 4)
  return self.fc.forward(h[:, 0])
)");
}

TEST_F(LowerScript, WhatDependsOnNothingIsAConstant) {
  SmallNetwork network;
  network.buffer("order", at::tensor(std::vector<std::int64_t>{3, 1, 0, 2})).parameter("table", {7, 4});
  const LoweredModule module = lowered_code(with_head(network), R"(
  h = self.conv.forward(x)
  mask = torch.zeros([8, 8])
  mask[2:5, 1:3] = 1.0
  h = (h * mask)[:, self.order].mean([2, 3])
  places = torch.arange(4) % 2
  return self.fc.forward(h + self.table[places + 3].sum(0))
)");
  EXPECT_THAT(module.graph->text(), AllOf(HasSubstr("buffer constant_1 [8, 8]"), HasSubstr("indices=[3 1 0 2]"),
                                          HasSubstr("indices=[3 4 3 4]")));
}

TEST_F(LowerScript, ChannelsAreShuffledAndRolled) {
  SmallNetwork network;
  lowered_code(with_head(network), R"(
  h = self.conv.forward(x)
  h = h.view(h.size(0), 2, 2, 8, 8).transpose(1, 2).reshape(h.size(0), 4, 8, 8)
  h = torch.roll(h, [-3, 2], [2, 3])
  a, b = h.chunk(2, 1)
  h = torch.cat([b, torch.relu(a)], 1)
  return self.fc.forward(h[:, :, 2, 1:7:2].mean(2))
)");
}

TEST_F(LowerScript, AMemberOfATupleOrDictionaryIsChosen) {
  SmallNetwork network;
  with_head(network).linear("aux", 4, kClasses).save(path_, R"(
  h = self.conv.forward(x).mean([2, 3])
  return (self.fc.forward(h), self.aux.forward(h))
)");
  EXPECT_THAT(lowered().remarks, ElementsAre("its logits are 0, and 1 is ignored",
                                             HasSubstr("left out, as the output does not depend on it in evaluation "
                                                       "mode: aux.weight, aux.bias")));
  EXPECT_THAT(lowered("1").graph->text(), HasSubstr("output aux\n"));
  SmallNetwork dictionary;
  with_head(dictionary).linear("aux", 4, kClasses);
  EXPECT_THAT(refusal(dictionary, R"(
  h = self.conv.forward(x).mean([2, 3])
  return {"out": self.fc.forward(h), "aux": self.aux.forward(h)}
)"),
              HasSubstr("say which one holds the logits, such as `output: out`"));
  EXPECT_THAT(lowered("aux").graph->text(), HasSubstr("output aux\n"));
  try {
    lowered("logits");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no logits; it gives a GenericDict of out, aux"));
  }
}

TEST_F(LowerScript, DropoutsAreDescribedThoughEvaluationDropsNothing) {
  SmallNetwork network;
  with_head(network).save(path_, R"(
  h = torch.feature_dropout(self.conv.forward(x), 0.5, self.training)
  return self.fc.forward(torch.dropout_(h.mean([2, 3]), 0.25, self.training))
)");
  const LoweredModule module = lower_script(path_, kImage, kClasses);
  EXPECT_THAT(module.graph->text(), AllOf(HasSubstr("channeldropout = ChannelDropout(conv) probability=0.5"),
                                          HasSubstr("dropout = Dropout(reducemean) probability=0.25")));
  EXPECT_THAT(module.remarks, IsEmpty());
}

TEST_F(LowerScript, RandomNumbersThatNoDropoutExplainsAreRemarkedOn) {
  SmallNetwork network;
  const LoweredModule module = lowered_code(with_head(network), R"(
  h = torch.dropout(self.conv.forward(x), 0.0, self.training)
  if self.training:
    h = h * torch.rand([1]).fill_(1.0)
  return self.fc.forward(h.mean([2, 3]))
)");
  EXPECT_THAT(module.remarks, ElementsAre(AllOf(HasSubstr("draws random numbers in training that no dropout explains"),
                                                HasSubstr("aten::rand"))));
}

}  // namespace
}  // namespace espalier
