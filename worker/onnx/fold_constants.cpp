#include "worker/onnx/fold_constants.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <onnx/onnx_pb.h>
#include <string_view>

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>

#include "base/error.h"
#include "worker/onnx/onnx_attributes.h"
#include "worker/onnx/onnx_tensor.h"

// Exporters leave in a file how they came to a shape: of the size of an input, its half, and one less. All this is
// computed once, when the file is read.

namespace espalier {
namespace {

using Tensors = std::vector<at::Tensor>;

constexpr std::int64_t kMostFolded = std::int64_t{1} << 27;

struct FoldedNode {
  const onnx::NodeProto& node;
  const Tensors& inputs;

  const at::Tensor& x() const { return input(0); }
  const at::Tensor& input(std::size_t i) const {
    if (!has(i)) throw Error(ErrorKind::invalid_input, "has too few inputs");
    return inputs[i];
  }
  bool has(std::size_t i) const { return i < inputs.size() && inputs[i].defined(); }
  OnnxAttributes attributes() const { return OnnxAttributes(node); }

  std::vector<std::int64_t> integers(std::size_t i) const {
    const at::Tensor flat = input(i).to(at::kLong).contiguous();
    if (flat.numel() > 64) throw Error(ErrorKind::invalid_input, "has too many dimensions");
    return {flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel()};
  }
  /// Given as an attribute in old opsets, as an input in new ones.
  std::vector<std::int64_t> either(const char* attribute, std::size_t input) const {
    return has(input) ? integers(input) : attributes().integers(attribute);
  }
  std::int64_t dim(std::int64_t axis) const { return at::maybe_wrap_dim(axis, x().dim()); }
};

void bound(at::IntArrayRef sizes) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) {
    if (size < 0 || (size > 0 && count > kMostFolded / size))
      throw Error(ErrorKind::invalid_input, "makes more than 2^27 numbers");
    count *= std::max<std::int64_t>(size, 1);
  }
}

bool whole(const at::Tensor& tensor) {
  return at::isIntegralType(tensor.scalar_type(), true);
}

/// The lowest integer has no negative: the processor stops at its quotient by -1, and at any by 0.
void check_divisor(const at::Tensor& y) {
  if (whole(y) && (y.eq(0).any().item<bool>() || y.eq(-1).any().item<bool>()))
    throw Error(ErrorKind::invalid_input, "divides integers by 0 or -1");
}

template <typename Function>
Tensors binary(const FoldedNode& node, Function function) {
  const at::Tensor &x = node.input(0), &y = node.input(1);
  bound(at::infer_size(x.sizes(), y.sizes()));
  return {function(x, y)};
}

template <typename Function>
Tensors chain(const FoldedNode& node, Function function) {
  at::Tensor result = node.x();
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    bound(at::infer_size(result.sizes(), node.input(i).sizes()));
    result = function(result, node.input(i));
  }
  return {result};
}

Tensors divide(const FoldedNode& node) {
  return binary(node, [](const at::Tensor& x, const at::Tensor& y) {
    check_divisor(y);
    return whole(x) ? at::div(x, y, "trunc") : at::div(x, y);
  });
}

Tensors modulo(const FoldedNode& node) {
  const bool truncated = node.attributes().integer("fmod", 0) != 0;
  return binary(node, [&](const at::Tensor& x, const at::Tensor& y) {
    check_divisor(y);
    return truncated ? at::fmod(x, y) : at::remainder(x, y);
  });
}

Tensors constant(const FoldedNode& node) {
  for (const auto& attribute : node.node.attribute()) {
    const std::string& name = attribute.name();
    if (name == "value" && attribute.has_t()) return {tensor_of(attribute.t(), {})};
    if (name == "value_float") return {at::scalar_tensor(attribute.f(), at::kFloat)};
    if (name == "value_int") return {at::scalar_tensor(attribute.i(), at::kLong)};
    if (name == "value_ints")
      return {at::tensor(at::IntArrayRef(attribute.ints().data(), static_cast<std::size_t>(attribute.ints_size())),
                         at::kLong)};
    if (name == "value_floats")
      return {
          at::tensor(at::ArrayRef<float>(attribute.floats().data(), static_cast<std::size_t>(attribute.floats_size())),
                     at::kFloat)};
  }
  throw Error(ErrorKind::invalid_input, "is a constant of no numbers");
}

Tensors constant_of_shape(const FoldedNode& node) {
  const std::vector<std::int64_t> sizes = node.integers(0);
  bound(sizes);
  for (const auto& attribute : node.node.attribute()) {
    if (attribute.name() == "value" && attribute.has_t()) {
      const at::Tensor value = tensor_of(attribute.t(), {});
      if (value.numel() != 1) throw Error(ErrorKind::invalid_input, "repeats more than one number");
      return {value.reshape({}).expand(sizes)};
    }
  }
  return {at::zeros({}, at::kFloat).expand(sizes)};
}

Tensors range(const FoldedNode& node) {
  const at::Tensor start = node.input(0), end = node.input(1), step = node.input(2);
  const double count = std::ceil((end.item<double>() - start.item<double>()) / step.item<double>());
  if (!(count <= static_cast<double>(kMostFolded)))
    throw Error(ErrorKind::invalid_input, "makes more than 2^27 numbers");
  return {at::arange(std::max(count, 0.0), start.scalar_type()).mul(step).add(start)};
}

Tensors gather(const FoldedNode& node) {
  const at::Tensor& x = node.x();
  const std::int64_t dim = node.dim(node.attributes().integer("axis", 0));
  at::Tensor indices = node.input(1).to(at::kLong);
  std::vector<std::int64_t> sizes = x.sizes().vec();
  const auto at_dim = sizes.begin() + dim;
  const std::int64_t size = *at_dim;
  sizes.insert(sizes.erase(at_dim), indices.sizes().begin(), indices.sizes().end());
  bound(sizes);
  indices = at::where(indices.lt(0), indices.add(size), indices);
  return {x.index_select(dim, indices.reshape({-1})).reshape(sizes)};
}

Tensors cast(const FoldedNode& node) {
  switch (node.attributes().integer("to", 0)) {
    case onnx::TensorProto::FLOAT:
    case onnx::TensorProto::DOUBLE:
    case onnx::TensorProto::FLOAT16:
    case onnx::TensorProto::BFLOAT16:
      return {node.x().to(at::kFloat)};
    case onnx::TensorProto::BOOL:
      return {node.x().ne(0)};
    default:
      return {node.x().to(at::kLong)};
  }
}

Tensors unsqueeze(const FoldedNode& node) {
  std::vector<std::int64_t> axes = node.either("axes", 1);
  const std::int64_t rank = node.x().dim() + static_cast<std::int64_t>(axes.size());
  for (std::int64_t& axis : axes) axis = at::maybe_wrap_dim(axis, rank);
  std::sort(axes.begin(), axes.end());
  at::Tensor result = node.x();
  for (const std::int64_t axis : axes) result = result.unsqueeze(axis);
  return {result};
}

Tensors squeeze(const FoldedNode& node) {
  std::vector<std::int64_t> axes = node.either("axes", 1);
  if (axes.empty()) return {node.x().squeeze()};
  for (std::int64_t& axis : axes) axis = node.dim(axis);
  std::sort(axes.rbegin(), axes.rend());
  at::Tensor result = node.x();
  for (const std::int64_t axis : axes) result = result.squeeze(axis);
  return {result};
}

Tensors slice(const FoldedNode& node) {
  const auto starts = node.either("starts", 1), ends = node.either("ends", 2);
  std::vector<std::int64_t> axes = node.either("axes", 3), steps = node.has(4) ? node.integers(4) : axes;
  if (axes.empty()) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (!node.has(4)) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    throw Error(ErrorKind::invalid_input, "has more starts than ends");
  at::Tensor result = node.x();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t axis = node.dim(axes[i]);
    const std::vector<std::int64_t> indices = sliced_indices(starts[i], ends[i], steps[i], result.size(axis));
    result = result.index_select(axis, at::tensor(indices, at::kLong));
  }
  return {result};
}

Tensors reshape(const FoldedNode& node) {
  std::vector<std::int64_t> sizes = node.integers(1);
  for (std::size_t i = 0; i < sizes.size() && node.attributes().integer("allowzero", 0) == 0; ++i) {
    if (sizes[i] == 0) sizes[i] = node.x().size(static_cast<std::int64_t>(i));
  }
  return {node.x().reshape(sizes)};
}

Tensors transpose(const FoldedNode& node) {
  std::vector<std::int64_t> order = node.attributes().integers("perm");
  if (order.empty()) {
    for (std::int64_t i = node.x().dim(); i-- > 0;) order.push_back(i);
  }
  return {node.x().permute(order)};
}

Tensors expand(const FoldedNode& node) {
  const std::vector<std::int64_t> sizes = at::infer_size(node.x().sizes(), node.integers(1));
  bound(sizes);
  return {node.x().expand(sizes)};
}

Tensors tile(const FoldedNode& node) {
  const std::vector<std::int64_t> repeats = node.integers(1);
  std::vector<std::int64_t> sizes = node.x().sizes().vec();
  if (repeats.size() != sizes.size()) throw Error(ErrorKind::invalid_input, "repeats other dimensions than it has");
  bound(repeats);
  bound(sizes);
  for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] *= repeats[i];
  bound(sizes);
  return {node.x().repeat(repeats)};
}

Tensors split(const FoldedNode& node) {
  const std::int64_t dim = node.dim(node.attributes().integer("axis", 0));
  const auto parts = static_cast<std::size_t>(node.node.output_size());
  const std::vector<std::int64_t> sizes =
      split_sizes(node.either("split", 1), static_cast<std::int64_t>(parts), node.x().size(dim));
  const auto split = node.x().split_with_sizes(sizes, dim);
  return {split.begin(), split.end()};
}

template <typename Function>
Tensors reduce(const FoldedNode& node, Function function) {
  std::vector<std::int64_t> axes = node.either("axes", 1);
  const bool keep = node.attributes().integer("keepdims", 1) != 0;
  if (axes.empty() && node.attributes().integer("noop_with_empty_axes", 0) != 0) return {node.x()};
  for (std::int64_t& axis : axes) axis = node.dim(axis);
  for (std::int64_t i = 0; axes.empty() && i < node.x().dim(); ++i) axes.push_back(i);
  std::sort(axes.rbegin(), axes.rend());
  at::Tensor result = node.x();
  for (const std::int64_t axis : axes) result = function(result, axis, keep);
  return {result};
}

Tensors concat(const FoldedNode& node) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) count += node.input(i).numel();
  bound({count});
  return {at::cat(node.inputs, node.attributes().integer("axis", 0))};
}

Tensors where(const FoldedNode& node) {
  bound(at::infer_size(at::infer_size(node.input(0).sizes(), node.input(1).sizes()), node.input(2).sizes()));
  return {at::where(node.input(0).to(at::kBool), node.input(1), node.input(2))};
}

Tensors trilu(const FoldedNode& node) {
  const std::int64_t diagonal = node.has(1) ? node.input(1).item<std::int64_t>() : 0;
  return {node.attributes().integer("upper", 1) != 0 ? node.x().triu(diagonal) : node.x().tril(diagonal)};
}

/// Rows of a copy of the data, at these indices, become the updates.
Tensors scatter_nd(const FoldedNode& node) {
  if (node.attributes().word("reduction", "none") != "none")
    throw Error(ErrorKind::invalid_input, "adds what it scatters");
  const at::Tensor indices = node.input(1).to(at::kLong);
  const std::int64_t count = indices.dim() == 0 ? 0 : indices.size(-1);
  if (count < 1 || count > node.x().dim()) throw Error(ErrorKind::invalid_input, "has indices of other dimensions");
  c10::List<c10::optional<at::Tensor>> places;
  for (std::int64_t i = 0; i < count; ++i) places.push_back(indices.select(-1, i));
  return {node.x().clone(at::MemoryFormat::Contiguous).index_put_(places, node.input(2))};
}

using FoldFunction = Tensors (*)(const FoldedNode& node);

#define ESPALIER_UNARY(expression)        \
  [](const FoldedNode& node) -> Tensors { \
    const at::Tensor& x = node.x();       \
    return {expression};                  \
  }
#define ESPALIER_BINARY(expression)                                                                         \
  [](const FoldedNode& node) {                                                                              \
    return binary(node, [](const at::Tensor& x, const at::Tensor& y) -> at::Tensor { return expression; }); \
  }
#define ESPALIER_CHAIN(expression)                                                                         \
  [](const FoldedNode& node) {                                                                             \
    return chain(node, [](const at::Tensor& x, const at::Tensor& y) -> at::Tensor { return expression; }); \
  }
#define ESPALIER_REDUCE(expression)                                                                                 \
  [](const FoldedNode& node) {                                                                                      \
    return reduce(node, [](const at::Tensor& x, std::int64_t dim, bool keep) -> at::Tensor { return expression; }); \
  }

const std::map<std::string_view, FoldFunction>& fold_functions() {
  static const std::map<std::string_view, FoldFunction> kAll{
      {"Constant", constant},
      {"ConstantOfShape", constant_of_shape},
      {"Range", range},
      {"Gather", gather},
      {"Cast", cast},
      {"Identity", ESPALIER_UNARY(x)},
      {"Unsqueeze", unsqueeze},
      {"Squeeze", squeeze},
      {"Slice", slice},
      {"Reshape", reshape},
      {"Transpose", transpose},
      {"Expand", expand},
      {"Tile", tile},
      {"Split", split},
      {"Concat", concat},
      {"Where", where},
      {"Trilu", trilu},
      {"ScatterND", scatter_nd},
      {"Shape", ESPALIER_UNARY(at::tensor(x.sizes(), at::kLong))},
      {"Size", ESPALIER_UNARY(at::scalar_tensor(x.numel(), at::kLong))},
      {"Add", ESPALIER_BINARY(x.add(y))},
      {"Sub", ESPALIER_BINARY(x.sub(y))},
      {"Mul", ESPALIER_BINARY(x.mul(y))},
      {"Div", divide},
      {"Mod", modulo},
      {"Pow", ESPALIER_BINARY(at::pow(x, y).to(x.scalar_type()))},
      {"Max", ESPALIER_CHAIN(at::maximum(x, y))},
      {"Min", ESPALIER_CHAIN(at::minimum(x, y))},
      {"Sum", ESPALIER_CHAIN(x.add(y))},
      {"Equal", ESPALIER_BINARY(x.eq(y))},
      {"Greater", ESPALIER_BINARY(x.gt(y))},
      {"GreaterOrEqual", ESPALIER_BINARY(x.ge(y))},
      {"Less", ESPALIER_BINARY(x.lt(y))},
      {"LessOrEqual", ESPALIER_BINARY(x.le(y))},
      {"And", ESPALIER_BINARY(x.logical_and(y))},
      {"Or", ESPALIER_BINARY(x.logical_or(y))},
      {"Xor", ESPALIER_BINARY(x.logical_xor(y))},
      {"Not", ESPALIER_UNARY(x.logical_not())},
      {"Neg", ESPALIER_UNARY(x.neg())},
      {"Abs", ESPALIER_UNARY(x.abs())},
      {"Floor", ESPALIER_UNARY(x.floor())},
      {"Ceil", ESPALIER_UNARY(x.ceil())},
      {"Round", ESPALIER_UNARY(x.round())},
      {"Sqrt", ESPALIER_UNARY(x.sqrt())},
      {"Exp", ESPALIER_UNARY(x.exp())},
      {"Log", ESPALIER_UNARY(x.log())},
      {"Sin", ESPALIER_UNARY(x.sin())},
      {"Cos", ESPALIER_UNARY(x.cos())},
      {"Reciprocal", ESPALIER_UNARY(x.reciprocal())},
      {"ReduceProd", ESPALIER_REDUCE(x.prod(dim, keep))},
      {"ReduceSum", ESPALIER_REDUCE(x.sum(dim, keep))},
      {"ReduceMax", ESPALIER_REDUCE(x.amax(dim, keep))},
      {"ReduceMin", ESPALIER_REDUCE(x.amin(dim, keep))},
  };
  return kAll;
}

#undef ESPALIER_UNARY
#undef ESPALIER_BINARY
#undef ESPALIER_CHAIN
#undef ESPALIER_REDUCE

}  // namespace

bool can_fold(const onnx::NodeProto& node) {
  return (node.domain().empty() || node.domain() == "ai.onnx") && fold_functions().contains(node.op_type());
}

std::vector<at::Tensor> fold(const onnx::NodeProto& node, const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> results = fold_functions().at(node.op_type())({node, inputs});
  for (const at::Tensor& result : results) bound(result.sizes());
  return results;
}

}  // namespace espalier
