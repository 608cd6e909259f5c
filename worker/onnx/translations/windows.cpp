#include <cmath>
#include <limits>

#include <ATen/ops/avg_pool1d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/ones.h>

#include "worker/onnx/onnx_window.h"
#include "worker/onnx/translations.h"

namespace espalier {
namespace {

std::int64_t rounds_up(const OnnxNode& node) {
  return node.attributes().integer("ceil_mode", 0) != 0 ? 1 : 0;
}

void translate_max_pool(OnnxNode& node) {
  if (node.outputs() > 1 && node.gives(1) && node.network().is_read(node.proto_output(1)))
    node.refuse("gives the places of what is largest");
  ValueIndex x = node.value(0);
  OnnxWindow window = window_of(node, {}, node.dims_of(x));
  bool pads = !window.same_on_both_sides();
  for (std::size_t i = 0; i < window.kernel.size(); ++i) pads = pads || 2 * window.before[i] > window.kernel[i];
  if (pads) x = padded(node, x, window, -std::numeric_limits<float>::max());
  node.give(node.add("MaxPool", {x},
                     {{"kernel", window.kernel},
                      {"strides", window.strides},
                      {"padding", window.before},
                      {"dilations", window.dilations},
                      {"round_up", rounds_up(node)}}));
}

/// Where the padding is not the same on both sides, its zeros are averaged, and what comes out is then multiplied by
/// the share of them, place by place.
at::Tensor padding_correction(const OnnxNode& node, const Dims& dims, const OnnxWindow& window) {
  std::vector<std::int64_t> sizes{1, 1}, pads;
  std::int64_t count = 1;
  for (std::size_t i = 2; i < dims.size(); ++i) count *= dims[i].size;
  if (count > (std::int64_t{1} << 24))
    node.refuse("averages images of " + std::to_string(count) + " pixels with padding on one side");
  for (std::size_t i = 2; i < dims.size(); ++i) sizes.push_back(dims[i].size);
  for (std::size_t i = window.before.size(); i-- > 0;) {
    pads.push_back(window.before[i]);
    pads.push_back(window.after[i]);
  }
  const at::Tensor inside = at::constant_pad_nd(at::ones(sizes), pads, 0);
  const std::vector<std::int64_t> none(window.kernel.size(), 0);
  switch (window.kernel.size()) {
    case 1:
      return at::avg_pool1d(inside, window.kernel, window.strides, none).reciprocal();
    case 2:
      return at::avg_pool2d(inside, window.kernel, window.strides, none).reciprocal();
    default:
      return at::avg_pool3d(inside, window.kernel, window.strides, none).reciprocal();
  }
}

void translate_average_pool(OnnxNode& node) {
  ValueIndex x = node.value(0);
  OnnxWindow window = window_of(node, {}, node.dims_of(x));
  for (const std::int64_t dilation : window.dilations) {
    if (dilation != 1) node.refuse("averages windows with gaps");
  }
  bool counts = node.attributes().integer("count_include_pad", 0) != 0;
  at::Tensor correction;
  bool pads = !window.same_on_both_sides();
  for (std::size_t i = 0; i < window.kernel.size(); ++i) pads = pads || 2 * window.before[i] > window.kernel[i];
  if (pads) {
    if (rounds_up(node) != 0) node.refuse("rounds up with padding on one side");
    if (!counts) correction = padding_correction(node, node.dims_of(x), window);
    x = padded(node, x, window, 0);
    counts = true;
  }
  ValueIndex result = node.add("AveragePool", {x},
                               {{"kernel", window.kernel},
                                {"strides", window.strides},
                                {"padding", window.before},
                                {"round_up", rounds_up(node)},
                                {"count_padding", std::int64_t{counts ? 1 : 0}}});
  if (correction.defined()) result = node.add("Mul", {result, node.buffer_of(correction, ".share")});
  node.give(result);
}

std::vector<std::int64_t> image_dims(const OnnxNode& node, const Dims& dims) {
  if (dims.size() < 3) node.refuse("takes " + to_string(dims) + ", which is no image");
  std::vector<std::int64_t> all;
  for (std::size_t i = 2; i < dims.size(); ++i) all.push_back(static_cast<std::int64_t>(i));
  return all;
}

void translate_global_average_pool(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  node.give(node.add("ReduceMean", {x}, {{"dims", image_dims(node, node.dims_of(x))}, {"keep_dims", std::int64_t{1}}}));
}

void translate_global_max_pool(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  node.give(node.add("ReduceMax", {x}, {{"dims", image_dims(node, node.dims_of(x))}, {"keep_dims", std::int64_t{1}}}));
}

/// Sizes of the result for one example: given, or by scales.
std::vector<std::int64_t> resized(OnnxNode& node, const Dims& dims, std::size_t scales, std::size_t sizes) {
  std::vector<std::int64_t> result;
  if (node.has(sizes)) {
    const Dims given = node.as_dims(sizes);
    if (given.size() != dims.size()) node.refuse("has sizes of other dimensions than its input");
    for (std::size_t i = 2; i < dims.size(); ++i) result.push_back(given[i].size);
    if (given[1] != dims[1]) node.refuse("interpolates channels");
    return result;
  }
  const std::optional<at::Tensor> tensor = node.tensor(scales);
  if (!tensor || tensor->numel() != static_cast<std::int64_t>(dims.size())) node.refuse("computes its scales");
  const at::Tensor numbers = tensor->to(at::kDouble).contiguous();
  const std::vector<double> factors(numbers.data_ptr<double>(), numbers.data_ptr<double>() + numbers.numel());
  if (factors.size() != dims.size() || factors[0] != 1 || factors[1] != 1)
    node.refuse("interpolates examples or channels");
  for (std::size_t i = 2; i < dims.size(); ++i) {
    const double side = std::floor(static_cast<double>(dims[i].size) * factors[i] + 1e-4);
    if (!(side >= 1 && side <= 1 << 20)) node.refuse("makes images of no size");
    result.push_back(static_cast<std::int64_t>(side));
  }
  return result;
}

void resize(OnnxNode& node, std::size_t scales, std::size_t sizes) {
  const ValueIndex x = node.value(0);
  const Dims dims = node.dims_of(x);
  if (dims.size() < 3 || dims.size() > 5) node.refuse("takes " + to_string(dims) + ", which is no image");
  const bool old = sizes > 3;  // Upsample, and Resize of opset 10
  std::string mode = node.attributes().word("mode", "nearest");
  const std::string places =
      node.attributes().word("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  const std::string rounding = node.attributes().word("nearest_mode", old ? "floor" : "round_prefer_floor");
  const std::vector<std::int64_t> to = resized(node, dims, scales, sizes);
  bool whole = true, same = true;
  for (std::size_t i = 0; i < to.size(); ++i) {
    whole = whole && to[i] % dims[i + 2].size == 0;
    same = same && to[i] == dims[i + 2].size;
  }
  if (same) return node.give(x);
  const bool corners = places == "align_corners";
  if (mode == "nearest") {
    const bool floors = places == "asymmetric" && rounding == "floor";
    const bool alike =
        whole && ((places == "half_pixel" || places == "pytorch_half_pixel") && rounding.starts_with("round"));
    if (!floors && !alike) node.refuse("takes the nearest pixel by " + places + " and " + rounding);
  } else if (mode == "linear") {
    if (places != "half_pixel" && places != "pytorch_half_pixel" && !corners)
      node.refuse("interpolates by coordinates " + places);
  } else {
    node.refuse("interpolates by " + mode);
  }
  node.give(node.add("Resize", {x}, {{"sizes", to}, {"mode", mode}, {"align_corners", std::int64_t{corners ? 1 : 0}}}));
}

void translate_resize(OnnxNode& node) {
  constexpr std::size_t kNone = 99;
  if (node.opset() < 11) return resize(node, 1, kNone);
  if (node.attributes().integer("antialias", 0) != 0) node.refuse("smooths before it makes smaller");
  resize(node, 2, 3);
}

void translate_upsample(OnnxNode& node) {
  constexpr std::size_t kNone = 99;
  resize(node, 1, kNone);
}

}  // namespace

const OnnxTranslations& onnx_window_translations() {
  static const OnnxTranslations kAll{{"MaxPool", translate_max_pool},
                                     {"AveragePool", translate_average_pool},
                                     {"GlobalAveragePool", translate_global_average_pool},
                                     {"GlobalMaxPool", translate_global_max_pool},
                                     {"Resize", translate_resize},
                                     {"Upsample", translate_upsample}};
  return kAll;
}

}  // namespace espalier
