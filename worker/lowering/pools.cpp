#include <algorithm>
#include <numeric>

#include "worker/lowering/shape_steps.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

/// Dimensions after the channels; the name ends in "1d", "2d" or "3d".
std::size_t pooled_dims(CallLowering& call) {
  const std::size_t place = call.name().find("d", call.name().find_last_of("123"));
  const auto count = static_cast<std::size_t>(call.name()[place - 1] - '0');
  if (call.tensor("self").dims.size() != count + 2) call.refuse("takes an image without a batch");
  return count;
}

struct LoweredWindow {
  std::vector<std::int64_t> kernel, strides, padding;
};

LoweredWindow window_of(CallLowering& call, std::size_t count) {
  LoweredWindow window;
  window.kernel = call.integers("kernel_size", count);
  window.strides = call.integers("stride", count, window.kernel);
  window.padding = call.integers("padding", count);
  return window;
}

void lower_max_pool(CallLowering& call) {
  const std::size_t count = pooled_dims(call);
  const LoweredWindow window = window_of(call, count);
  call.give(call.add("MaxPool", {call.value("self")},
                     {{"kernel", window.kernel},
                      {"strides", window.strides},
                      {"padding", window.padding},
                      {"dilations", call.integers("dilation", count)},
                      {"round_up", std::int64_t{call.truth("ceil_mode") ? 1 : 0}}}));
}

void lower_average_pool(CallLowering& call) {
  const std::size_t count = pooled_dims(call);
  const LoweredWindow window = window_of(call, count);
  if (call.has("divisor_override")) call.refuse("divides by a number of its own");
  call.give(call.add("AveragePool", {call.value("self")},
                     {{"kernel", window.kernel},
                      {"strides", window.strides},
                      {"padding", window.padding},
                      {"round_up", std::int64_t{call.truth("ceil_mode") ? 1 : 0}},
                      {"count_padding", std::int64_t{call.truth("count_include_pad") ? 1 : 0}}}));
}

void lower_adaptive_average_pool(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::vector<std::int64_t> sizes = call.integers("output_size", pooled_dims(call));
  call.give(call.add("AdaptiveAveragePool", {x}, {{"sizes", sizes}}));
}

/// Windows of one size where the image divides.
void lower_adaptive_max_pool(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t count = pooled_dims(call);
  const std::vector<std::int64_t> sizes = call.integers("output_size", count);
  std::vector<std::int64_t> kernel;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t side = call.dims(x)[i + 2].size;
    if (side % sizes[i] != 0) call.refuse("takes windows of different sizes");
    kernel.push_back(side / sizes[i]);
  }
  call.give(call.add("MaxPool", {x},
                     {{"kernel", kernel},
                      {"strides", kernel},
                      {"padding", std::vector<std::int64_t>(count, 0)},
                      {"dilations", std::vector<std::int64_t>(count, 1)},
                      {"round_up", std::int64_t{0}}}));
}

struct LoweredReduction {
  std::vector<std::int64_t> dims;
  double count = 1;  // of numbers that become one
};

LoweredReduction reduction_of(const CallLowering& call, ValueIndex x) {
  LoweredReduction reduction;
  if (call.has("dim")) reduction.dims = call.integers("dim");
  for (std::int64_t& dim : reduction.dims) dim = static_cast<std::int64_t>(dim_of(call, call.dims(x), dim));
  if (reduction.dims.empty()) {
    reduction.dims.resize(call.dims(x).size());
    std::iota(reduction.dims.begin(), reduction.dims.end(), 0);
  }
  std::ranges::sort(reduction.dims);
  for (const std::int64_t dim : reduction.dims)
    reduction.count *= static_cast<double>(call.dims(x)[static_cast<std::size_t>(dim)].size);
  return reduction;
}

ValueIndex reduced(CallLowering& call, std::string_view op, ValueIndex x, const LoweredReduction& reduction) {
  const bool kept = call.has("keepdim") && call.truth("keepdim");
  return call.add(op, {x}, {{"dims", reduction.dims}, {"keep_dims", std::int64_t{kept ? 1 : 0}}});
}

void lower_mean(CallLowering& call) {
  const ValueIndex x = call.value("self");
  call.give(reduced(call, "ReduceMean", x, reduction_of(call, x)));
}

void lower_total(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const LoweredReduction reduction = reduction_of(call, x);
  const ValueIndex mean = reduced(call, "ReduceMean", x, reduction);
  call.give(call.add("MulNumber", {mean}, {{"number", reduction.count}}));
}

void lower_largest(CallLowering& call) {
  const ValueIndex x = call.value("self");
  call.give(reduced(call, "ReduceMax", x, reduction_of(call, x)));
}

/// var, std, var_mean and std_mean: the mean of squares around the mean, with what the dispatcher calls a correction.
void lower_variance(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const LoweredReduction reduction = reduction_of(call, x);
  double correction = call.takes("unbiased") ? (call.truth("unbiased") ? 1 : 0) : 1;
  if (call.has("correction")) correction = call.number("correction");
  const ValueIndex around = call.add("ReduceMean", {x}, {{"dims", reduction.dims}, {"keep_dims", std::int64_t{1}}});
  const ValueIndex distance = call.add("Sub", {x, around});
  ValueIndex result = reduced(call, "ReduceMean", call.add("Mul", {distance, distance}), reduction);
  if (correction != 0) {
    const double factor = reduction.count / (reduction.count - correction);
    result = call.add("MulNumber", {result}, {{"number", factor}});
  }
  if (call.name().starts_with("aten::std")) result = call.add("Sqrt", {result});
  call.give(result);
  if (call.outputs() > 1) call.give(reshaped(call, {around, call.dims(around)}, call.output(1)), 1);
}

/// norm and linalg_vector_norm.
void lower_norm(CallLowering& call) {
  const char* order = call.takes("p") ? "p" : "ord";
  if (call.has(order) && call.number(order) != 2) call.refuse("is a norm other than that of squares");
  const ValueIndex x = call.value("self");
  call.give(reduced(call, "ReduceL2", x, reduction_of(call, x)));
}

void lower_resize(CallLowering& call) {
  const std::vector<std::int64_t> sizes = sizes_of(Dims(call.output().begin() + 2, call.output().end()));
  const bool nearest = call.name().find("nearest") != std::string::npos;
  call.give(call.add("Resize", {call.value("self")},
                     {{"sizes", sizes},
                      {"mode", std::string(nearest ? "nearest" : "linear")},
                      {"align_corners", std::int64_t{!nearest && call.truth("align_corners") ? 1 : 0}}}));
}

}  // namespace

const Translations& pool_translations() {
  static const Translations kAll{
      {"aten::max_pool1d", lower_max_pool},
      {"aten::max_pool2d", lower_max_pool},
      {"aten::max_pool3d", lower_max_pool},
      {"aten::avg_pool1d", lower_average_pool},
      {"aten::avg_pool2d", lower_average_pool},
      {"aten::avg_pool3d", lower_average_pool},
      {"aten::adaptive_avg_pool1d", lower_adaptive_average_pool},
      {"aten::adaptive_avg_pool2d", lower_adaptive_average_pool},
      {"aten::adaptive_avg_pool3d", lower_adaptive_average_pool},
      {"aten::adaptive_max_pool1d", lower_adaptive_max_pool},
      {"aten::adaptive_max_pool2d", lower_adaptive_max_pool},
      {"aten::adaptive_max_pool3d", lower_adaptive_max_pool},
      {"aten::mean", lower_mean},
      {"aten::sum", lower_total},
      {"aten::amax", lower_largest},
      {"aten::var", lower_variance},
      {"aten::std", lower_variance},
      {"aten::var_mean", lower_variance},
      {"aten::std_mean", lower_variance},
      {"aten::norm", lower_norm},
      {"aten::linalg_vector_norm", lower_norm},
      {"aten::upsample_nearest1d", lower_resize},
      {"aten::upsample_nearest2d", lower_resize},
      {"aten::upsample_nearest3d", lower_resize},
      {"aten::upsample_linear1d", lower_resize},
      {"aten::upsample_bilinear2d", lower_resize},
      {"aten::upsample_trilinear3d", lower_resize},
  };
  return kAll;
}

}  // namespace espalier
