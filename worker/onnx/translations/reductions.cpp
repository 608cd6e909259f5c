#include <algorithm>
#include <numeric>

#include "worker/onnx/translations.h"

namespace espalier {
namespace {

/// Which dimensions are reduced, ascending; all but the batch's where none are said. Empty: none, the input stays.
std::vector<std::int64_t> reduced_dims(OnnxNode& node, const Dims& dims) {
  std::vector<std::int64_t> result;
  for (const std::int64_t axis : node.either("axes", 1))
    result.push_back(static_cast<std::int64_t>(node.axis(axis, dims.size())));
  std::ranges::sort(result);
  result.erase(std::unique(result.begin(), result.end()), result.end());
  if (!result.empty() || node.attributes().integer("noop_with_empty_axes", 0) != 0) return result;
  result.resize(dims.size());
  std::iota(result.begin(), result.end(), 0);
  return result;
}

struct Reduced {
  std::vector<std::int64_t> dims;
  double count = 1;  // numbers that one is made of
  std::int64_t keep_dims = 1;
};

Reduced reduced(OnnxNode& node, ValueIndex x) {
  const Dims& dims = node.dims_of(x);
  Reduced result{reduced_dims(node, dims), 1, node.attributes().integer("keepdims", 1) != 0 ? 1 : 0};
  for (const std::int64_t dim : result.dims) {
    if (dims[static_cast<std::size_t>(dim)].batch) node.refuse("reduces the examples");
    result.count *= static_cast<double>(dims[static_cast<std::size_t>(dim)].size);
  }
  return result;
}

ValueIndex reduce(OnnxNode& node, const char* op, ValueIndex x, const Reduced& how) {
  if (how.dims.empty()) return x;
  return node.add(op, {x}, {{"dims", how.dims}, {"keep_dims", how.keep_dims}});
}

void translate_reduce_mean(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  node.give(reduce(node, "ReduceMean", x, reduced(node, x)));
}

ValueIndex sum_of(OnnxNode& node, ValueIndex x, const Reduced& how) {
  return node.multiply(reduce(node, "ReduceMean", x, how), how.count);
}

void translate_reduce_sum(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  node.give(sum_of(node, x, reduced(node, x)));
}

void translate_reduce_max(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  node.give(reduce(node, "ReduceMax", x, reduced(node, x)));
}

void translate_reduce_min(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Reduced how = reduced(node, x);
  node.give(node.add("Neg", {reduce(node, "ReduceMax", node.add("Neg", {x}), how)}));
}

void translate_reduce_l1(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Reduced how = reduced(node, x);
  node.give(sum_of(node, node.add("Abs", {x}), how));
}

ValueIndex square_sum(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Reduced how = reduced(node, x);
  return sum_of(node, node.add("Mul", {x, x}), how);
}

void translate_reduce_sum_square(OnnxNode& node) {
  node.give(square_sum(node));
}

void translate_reduce_l2(OnnxNode& node) {
  node.give(node.add("Sqrt", {square_sum(node)}));
}

/// Before opset 13 over all dimensions from the axis on, as if they were one.
void softmax(OnnxNode& node, const char* op) {
  const ValueIndex x = node.value(0);
  const Dims dims = node.dims_of(x);
  const bool old = node.opset() < 13;
  const std::size_t axis = node.axis(node.attributes().integer("axis", old ? 1 : -1), dims.size());
  std::int64_t beyond = 1;
  for (std::size_t i = axis + 1; i < dims.size(); ++i) beyond *= dims[i].size;
  if (!old || beyond == 1) return node.give(node.add(op, {x}, {{"dim", static_cast<std::int64_t>(axis)}}));
  Dims joined(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(axis));
  joined.push_back({dims[axis].size * beyond, dims[axis].batch});
  const ValueIndex flat = node.reshape(x, joined);
  node.give(node.reshape(node.add(op, {flat}, {{"dim", static_cast<std::int64_t>(axis)}}), dims));
}

void translate_softmax(OnnxNode& node) {
  softmax(node, "Softmax");
}

void translate_log_softmax(OnnxNode& node) {
  softmax(node, "LogSoftmax");
}

}  // namespace

const OnnxTranslations& onnx_reduction_translations() {
  static const OnnxTranslations kAll{{"ReduceMean", translate_reduce_mean},
                                     {"ReduceSum", translate_reduce_sum},
                                     {"ReduceMax", translate_reduce_max},
                                     {"ReduceMin", translate_reduce_min},
                                     {"ReduceL1", translate_reduce_l1},
                                     {"ReduceL2", translate_reduce_l2},
                                     {"ReduceSumSquare", translate_reduce_sum_square},
                                     {"Softmax", translate_softmax},
                                     {"LogSoftmax", translate_log_softmax}};
  return kAll;
}

}  // namespace espalier
