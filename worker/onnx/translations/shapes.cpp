#include <algorithm>
#include <numeric>
#include <onnx/onnx_pb.h>

#include "worker/onnx/onnx_reshape.h"
#include "worker/onnx/translations.h"

namespace espalier {
namespace {

void translate_reshape(OnnxNode& node) {
  OnnxValue result;
  result.value = node.rows(0);
  const Dims own = node.dims_of(result.value);
  const Dims to = reshaped_dims(node, own);
  if (same_order(own, to)) {
    result.value = node.reshape(result.value, to);
  } else {
    result.value = node.reshape(result.value, apart(node, own, to));
    result.seen = to;
  }
  node.give(result);
}

void translate_flatten(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Dims& dims = node.dims_of(x);
  const std::int64_t given = node.attributes().integer("axis", 1);
  const std::size_t axis =
      given == static_cast<std::int64_t>(dims.size()) ? dims.size() : node.axis(given, dims.size());
  Dims to{{1}, {1}};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    Dim& part = to[i < axis ? 0 : 1];
    part = {part.size * dims[i].size, part.batch || dims[i].batch};
  }
  if (!same_order(dims, to)) node.refuse("mixes the examples with the rows of " + to_string(dims));
  node.give(node.reshape(x, to));
}

void translate_squeeze(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Dims& dims = node.dims_of(x);
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : node.either("axes", 1)) axes.push_back(node.axis(axis, dims.size()));
  const bool all = axes.empty();
  Dims to;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool gone = all ? dims[i] == Dim{1} : std::ranges::count(axes, i) > 0;
    if (!gone) to.push_back(dims[i]);
    if (gone && dims[i] != Dim{1}) node.refuse("takes away dimension " + std::to_string(i) + " of " + to_string(dims));
  }
  node.give(node.reshape(x, to));
}

void translate_unsqueeze(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  Dims to = node.dims_of(x);
  const std::vector<std::int64_t> given = node.either("axes", 1);
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : given) axes.push_back(node.axis(axis, to.size() + given.size()));
  std::ranges::sort(axes);
  for (const std::size_t axis : axes) {
    if (axis > to.size()) node.refuse("names a dimension twice");
    to.insert(to.begin() + static_cast<std::ptrdiff_t>(axis), Dim{1});
  }
  node.give(node.reshape(x, to));
}

void translate_transpose(OnnxNode& node) {
  std::vector<std::int64_t> permutation = node.attributes().integers("perm");
  if (permutation.empty()) {
    for (std::size_t i = node.dims(0).size(); i-- > 0;) permutation.push_back(static_cast<std::int64_t>(i));
  }
  // A turned weight is the weight of a layer that turns it back.
  OnnxValue value = node.input_value(0);
  if (!value.trained.empty()) {
    value.constant = OnnxConstant(value.constant.tensor.permute(permutation));
    value.value = kNoValue;
    return node.give(value);
  }
  node.give(node.transpose(node.value(0), permutation));
}

/// Of an input that has one row where others have one an example: as often as there are examples.
ValueIndex for_every_example(OnnxNode& node, ValueIndex x, const Dims& like) {
  const Dims dims = node.dims_of(x);
  if (dims.size() != like.size()) return x;
  std::vector<std::int64_t> sizes;
  std::int64_t batch = -1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    sizes.push_back(dims[i].size);
    if (dims[i].batch || !like[i].batch) continue;
    if (dims[i].size != 1 || like[i].size != 1) return x;
    batch = static_cast<std::int64_t>(i);
  }
  if (batch < 0) return x;
  return node.add_beside("Expand", {x, node.network().input}, {{"sizes", sizes}, {"batch", batch}});
}

void translate_concat(OnnxNode& node) {
  std::vector<ValueIndex> parts;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    const Dims dims = node.dims(i);
    if (elements(dims) != 0) parts.push_back(node.value(i));
  }
  if (parts.empty()) node.refuse("joins nothing");
  for (const ValueIndex part : parts) {
    const Dims like = node.dims_of(part);
    if (std::ranges::none_of(like, &Dim::batch)) continue;
    for (ValueIndex& other : parts) other = for_every_example(node, other, like);
    break;
  }
  const auto axis = node.axis(node.attributes().integer("axis", 0), node.dims_of(parts[0]).size());
  node.give(parts.size() == 1 ? parts[0] : node.add("Concat", parts, {{"dim", static_cast<std::int64_t>(axis)}}));
}

void translate_expand(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Dims from = node.dims_of(x);
  Dims to = node.as_dims(1);
  while (to.size() < from.size()) to.insert(to.begin(), Dim{1});
  const std::size_t more = to.size() - from.size();
  std::vector<std::int64_t> sizes;
  std::int64_t batch = -1;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const Dim own = i < more ? Dim{1} : from[i - more];
    const bool as_filed = own.batch && to[i].size == own.size * std::max<std::int64_t>(node.network().file_batch, 1);
    if (to[i] == Dim{1} || as_filed) to[i] = own;
    if (own != Dim{1} && to[i] != own) node.refuse("gives " + to_string(from) + " the shape " + to_string(to));
    sizes.push_back(to[i].size);
    if (to[i].batch) batch = static_cast<std::int64_t>(i);
  }
  if (to == from) return node.give(x);
  std::vector<ValueIndex> inputs{x};
  if (batch >= 0 && std::ranges::none_of(from, &Dim::batch)) inputs.push_back(node.network().input);
  node.give(node.add("Expand", inputs, {{"sizes", sizes}, {"batch", batch}}));
}

/// Blocks of channels become pixels, or the other way: [C b b, H, W] and [C, H b, W b].
void translate_depth_to_space(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Dims dims = node.dims_of(x);
  const std::int64_t b = node.attributes().integer("blocksize", 0);
  if (dims.size() != 4 || b < 1 || b > 1000 || dims[1].size % (b * b) != 0) node.refuse("takes " + to_string(dims));
  const std::int64_t channels = dims[1].size / (b * b);
  const bool depth_first = node.attributes().word("mode", "DCR") == "DCR";
  const Dims split = depth_first ? Dims{dims[0], {b}, {b}, {channels}, dims[2], dims[3]}
                                 : Dims{dims[0], {channels}, {b}, {b}, dims[2], dims[3]};
  const std::vector<std::int64_t> order =
      depth_first ? std::vector<std::int64_t>{0, 3, 4, 1, 5, 2} : std::vector<std::int64_t>{0, 1, 4, 2, 5, 3};
  node.give(node.reshape(node.transpose(node.reshape(x, split), order),
                         {dims[0], {channels}, {dims[2].size * b}, {dims[3].size * b}}));
}

void translate_space_to_depth(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Dims dims = node.dims_of(x);
  const std::int64_t b = node.attributes().integer("blocksize", 0);
  if (dims.size() != 4 || b < 1 || b > 1000 || dims[2].size % b != 0 || dims[3].size % b != 0)
    node.refuse("takes " + to_string(dims));
  const std::int64_t rows = dims[2].size / b, columns = dims[3].size / b;
  const ValueIndex split = node.reshape(x, {dims[0], dims[1], {rows}, {b}, {columns}, {b}});
  node.give(
      node.reshape(node.transpose(split, {0, 3, 5, 1, 2, 4}), {dims[0], {dims[1].size * b * b}, {rows}, {columns}}));
}

}  // namespace

const OnnxTranslations& onnx_shape_translations() {
  static const OnnxTranslations kAll{{"Reshape", translate_reshape},
                                     {"Flatten", translate_flatten},
                                     {"Squeeze", translate_squeeze},
                                     {"Unsqueeze", translate_unsqueeze},
                                     {"Transpose", translate_transpose},
                                     {"Concat", translate_concat},
                                     {"Expand", translate_expand},
                                     {"DepthToSpace", translate_depth_to_space},
                                     {"SpaceToDepth", translate_space_to_depth}};
  return kAll;
}

}  // namespace espalier
