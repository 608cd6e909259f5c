#include <algorithm>

#include "worker/lowering/layer_steps.h"
#include "worker/lowering/shape_steps.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

bool is_tensor_of_module(const CallLowering& call, ValueIndex value) {
  return value == kNoValue || call.at(value).source == Value::Source::parameter ||
         call.at(value).source == Value::Source::buffer;
}

void lower_linear(CallLowering& call) {
  call.give(linear(call, call.tensor("input"), call.value("weight"), call.value("bias")));
}

struct LoweredConv {
  bool transposed = false;
  std::vector<std::int64_t> strides, padding, dilations, output_padding;
  std::int64_t groups = 1;
};

void convolve(CallLowering& call, const LoweredConv& conv) {
  const ValueIndex x = call.value("input"), weight = call.value("weight"), bias = call.value("bias");
  Attributes attributes{
      {"strides", conv.strides}, {"padding", conv.padding}, {"dilations", conv.dilations}, {"groups", conv.groups}};
  if (conv.transposed) attributes["output_padding"] = conv.output_padding;
  const char* op = conv.transposed ? "ConvTranspose" : "Conv";
  if (is_tensor_of_module(call, bias)) {
    call.give(call.add_layer(op, {x, weight, bias}, attributes));
    return;
  }
  const ValueIndex product = call.add_layer(op, {x, weight, kNoValue}, attributes);
  Dims channels(call.output().size() - 1, Dim{1});
  channels[0] = call.dims(bias)[0];
  const Lowered shift = reshaped(call, {bias, call.dims(bias)}, channels);
  call.give(call.add("Add", {product, shift.value}));
}

std::size_t spatial_of(CallLowering& call) {
  const std::size_t count = call.tensor("weight").dims.size() - 2;
  if (call.tensor("input").dims.size() != count + 2) call.refuse("takes an image without a batch");
  return count;
}

/// conv1d, conv2d, conv3d.
void lower_conv(CallLowering& call) {
  const std::size_t spatial = spatial_of(call);
  LoweredConv conv;
  conv.strides = call.integers("stride", spatial);
  conv.dilations = call.integers("dilation", spatial);
  conv.groups = call.integer("groups");
  if (!call.is_word("padding")) {
    conv.padding = call.integers("padding", spatial);
  } else {
    const bool same = call.word("padding") == "same";
    const Dims weight = call.tensor("weight").dims;
    for (std::size_t i = 0; i < spatial; ++i) {
      const std::int64_t total = same ? conv.dilations[i] * (weight[i + 2].size - 1) : 0;
      if (total % 2 != 0) call.refuse("pads one side more than the other");
      conv.padding.push_back(total / 2);
    }
  }
  convolve(call, conv);
}

/// _convolution, of traced modules, and convolution.
void lower_convolution(CallLowering& call) {
  const std::size_t spatial = spatial_of(call);
  convolve(call,
           {call.truth("transposed"), call.integers("stride", spatial), call.integers("padding", spatial),
            call.integers("dilation", spatial), call.integers("output_padding", spatial), call.integer("groups")});
}

void lower_conv_transpose(CallLowering& call) {
  const std::size_t spatial = spatial_of(call);
  convolve(call,
           {true, call.integers("stride", spatial), call.integers("padding", spatial),
            call.integers("dilation", spatial), call.integers("output_padding", spatial), call.integer("groups")});
}

void lower_embedding(CallLowering& call) {
  call.give(call.add_layer("Embedding", {call.value("indices"), call.value("weight")}, {}));
}

}  // namespace

Lowered linear(CallLowering& call, const Lowered& x, ValueIndex weight, ValueIndex bias) {
  const Dims inner = call.dims(x.value);
  if (inner.empty() || x.dims.back() != inner.back()) call.refuse("multiplies what mixes examples");
  const bool plain_bias = is_tensor_of_module(call, bias);
  ValueIndex product = call.add_layer("Linear", {x.value, weight, plain_bias ? bias : kNoValue}, {});
  if (!plain_bias) product = call.add("Add", {product, bias});
  Dims dims = x.dims;
  dims.back() = call.dims(product).back();
  return {product, dims};
}

const Translations& layer_translations() {
  static const Translations kAll{
      {"aten::linear", lower_linear},
      {"aten::conv1d", lower_conv},
      {"aten::conv2d", lower_conv},
      {"aten::conv3d", lower_conv},
      {"aten::_convolution", lower_convolution},
      {"aten::convolution", lower_convolution},
      {"aten::conv_transpose1d", lower_conv_transpose},
      {"aten::conv_transpose2d", lower_conv_transpose},
      {"aten::conv_transpose3d", lower_conv_transpose},
      {"aten::embedding", lower_embedding},
  };
  return kAll;
}

}  // namespace espalier
