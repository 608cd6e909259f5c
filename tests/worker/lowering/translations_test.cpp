// Every operator that has a translation computes what it did, each in a small network of its own.
#include <unistd.h>

#include <gmock/gmock.h>
#include <torch/version.h>

#include "tests/worker/lowering/same_outputs.h"
#include "tests/worker/lowering/small_network.h"
#include "worker/lowering/lower_script.h"

namespace espalier {
namespace {

/// Of h [N, 4, 8, 8].
const char* const kExpressions[] = {
    "torch.relu(h)",
    "torch.sigmoid(h)",
    "torch.silu(h)",
    "torch.hardsigmoid(h * 5)",
    "torch.hardswish(h * 5)",
    "torch.mish(h)",
    "torch.softplus(h)",
    "torch.tanh(h)",
    "torch.leaky_relu(h, 0.2)",
    "torch.elu(h, 0.5)",
    "torch.celu(h, 0.5)",
    "torch.selu(h)",
    "torch.gelu(h)",
    "torch.gelu(h, approximate=\"tanh\")",
    "torch.clamp(h, -0.2)",
    "torch.clamp(h, None, 0.3)",
    "torch.clamp_min(h, 0.1)",
    "torch.hardtanh(h, -0.1, 0.2)",
    "torch.relu6(h * 9)",
    "torch.exp(h)",
    "torch.log(h.abs() + 1)",
    "torch.sqrt(h.abs() + 1)",
    "torch.rsqrt(h.abs() + 1)",
    "torch.reciprocal(h.abs() + 1)",
    "torch.neg(torch.erf(h))",
    "torch.sin(h) + torch.cos(h)",
    "torch.pow(h, 3)",
    "torch.square(h)",
    "torch.log_sigmoid(h)",
    "torch.glu(h, 1)",
    "torch.prelu(h, self.four)",
    "torch.prelu(h, self.one)",
    "torch.add(h, torch.tanh(h), alpha=2)",
    "torch.rsub(h, torch.tanh(h), alpha=2)",
    "1.5 - h",
    "h - torch.tanh(h)",
    "2 / (h.abs() + 1)",
    "h / 3 / (h.abs() + self.one.abs())",
    "torch.maximum(h, torch.tanh(h * 2)) * torch.minimum(h, torch.tanh(h * 2))",
    "h.masked_fill(torch.ones([8, 8]).triu(1) > 0, -2.0)",
    "torch.feature_dropout(torch.dropout(h, 0.0, self.training), 0.5, False)",
    "torch.avg_pool2d(h, [3, 3], [2, 2], [1, 1], True, False)",
    "torch.avg_pool2d(h, [3, 3], [2, 2], [1, 1], False, True)",
    "torch.avg_pool1d(h.flatten(2), [4], [3])",
    "torch.max_pool2d(h, [3, 2], [2, 2], [1, 0], [1, 1], True)",
    "torch.adaptive_avg_pool2d(h, [3, 5])",
    "torch.adaptive_max_pool2d(h, [2, 4])[0]",
    "torch.upsample_nearest2d(h, [16, 12])",
    "torch.upsample_bilinear2d(h, [12, 12], True)",
    "torch.upsample_bilinear2d(h, [16, 16], False)",
    "torch.constant_pad_nd(h, [1, 2, 0, 3], 0.5)",
    "torch.reflection_pad2d(h, [1, 2, 3, 0])",
    "torch.replication_pad2d(h, [1, 2, 3, 0])",
    "torch.flip(h, [1, -1])",
    "torch.roll(h, [1, -3], [1, 3])",
    "torch.stack([h, torch.tanh(h)], 2)",
    "torch.cat([h, torch.tanh(h)[:, 1:]], 1)",
    "torch.index_select(h, 1, torch.arange(4) // 2 + 1)",
    "torch.narrow(h, 2, 1, 5)",
    "h.split([1, 3], 1)[1]",
    "h.split(3, 1)[0]",
    "h.unbind(1)[2]",
    "h.select(3, -2)",
    "h[:, :, 1::3]",
    "h.repeat([1, 2, 1, 3])",
    "torch.repeat_interleave(h, 2, 1)",
    "h - torch.mean(h, [1], True)",
    "torch.sum(h, [1, 3])",
    "torch.amax(h, [2])",
    "(h - h.mean([1], True)) / torch.sqrt(torch.var(h, [1], False, True) + 0.1)",
    "torch.var_mean(h, [2, 3], True)[0] * torch.std(h, [2, 3])",
    "torch.norm(h, 2, [2], True)",
    "torch.softmax(h, 1)",
    "torch.log_softmax(h, -1)",
    "torch.layer_norm(h, [8, 8], None, None, 0.1)",
    "torch.group_norm(h, 2, self.four, self.other)",
    "torch.instance_norm(h, self.four, self.other, None, None, True, 0.1, 0.1, False)",
    "torch.einsum(\"nchw,cd->ndhw\", [h, self.square])",
    "torch.matmul(h.flatten(2).transpose(1, 2), self.square)",
    "torch.bmm(h.flatten(2), h.flatten(2).transpose(1, 2))",
    "torch.baddbmm(h.mean([3])[:, :, :4], h.mean([2])[:, :, :4], h.mean([3])[:, :, 4:], beta=0.5, alpha=2.0)",
    "torch.addmm(self.four, h.mean([2, 3]), self.square)",
    "torch.addmm(self.four, h.mean([2, 3]), self.square.t())",
#if TORCH_VERSION_MAJOR >= 2
    "torch.scaled_dot_product_attention(h, torch.tanh(h), h * 2, None, 0.0, True)",
    "torch.scaled_dot_product_attention(h, h, h * 2, torch.ones([8, 8]).triu(1) < 1, 0.0, False)",
#else
    "torch._scaled_dot_product_attention(h, torch.tanh(h), h * 2, None, 0.0, True, True)[0]",
    "torch._scaled_dot_product_attention(h, h, h * 2, torch.ones([8, 8]).triu(1) < 1, 0.0, False, False)[0]",
#endif
    "torch.conv1d(h.flatten(2), self.filters.mean([3]), self.four)",
    "torch.conv2d(h, self.filters - self.filters.mean([1, 2, 3], True), self.four * 2, [2, 1], [1, 0])",
    "torch.conv2d(h, self.filters, None, [1, 1], \"same\")",
    "torch.conv3d(h.unsqueeze(2), self.filters.unsqueeze(2), None, [1, 1, 1], [0, 1, 1])",
    "torch.conv_transpose2d(h, self.filters, self.four, [2, 2], [1, 1], [1, 1])",
    "torch.pixel_shuffle(h, 2)",
    "torch.channel_shuffle(h, 2)",
    "h.permute(0, 2, 3, 1).contiguous().view([-1, 64, 4]).transpose(1, 2)",
    "h.unflatten(1, [2, 2]).squeeze(1).unsqueeze(-1)",
    "h.expand_as(h) * self.four.view([4, 1, 1]).expand(4, 8, 8)",
    "torch.linear(h, self.filters.flatten(1)[:, :8])",
};

class Translations : public testing::TestWithParam<const char*> {};

TEST_P(Translations, ComputesTheSame) {
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / ("translations_" + std::to_string(::getpid()) + ".pt");
  SmallNetwork network;
  network.conv("conv", 2, 4, 3).linear("fc", 4, 3);
  network.parameter("one", {1}).parameter("four", {4}).parameter("other", {4}).parameter("square", {4, 4});
  network.parameter("filters", {4, 4, 3, 3});
  network.save(path, "  h = self.conv.forward(x)\n  y = (" + std::string(GetParam()) + R"().flatten(1)
  w = torch.arange(y.size(1)) * (1.0 / y.size(1))
  features = [(y * w).mean(1), (y * w * w).mean(1), y.mean(1), (y * (1 - w)).mean(1)]
  return self.fc.forward(torch.stack(features, 1))
)");
  const LoweredModule module = lower_script(path, {2, 8, 8}, 3);
  const OutputDifference difference = output_difference(path, module, {2, 8, 8}, 3);
  EXPECT_LE(difference.evaluation, 1e-5) << module.graph->text();
  std::filesystem::remove(path);
}

std::string expression_number(const testing::TestParamInfo<const char*>& expression) {
  return std::to_string(expression.index);
}

INSTANTIATE_TEST_SUITE_P(Each, Translations, testing::ValuesIn(kExpressions), expression_number);

}  // namespace
}  // namespace espalier
