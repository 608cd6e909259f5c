#include <algorithm>
#include <numeric>

#include <ATen/ops/arange.h>

#include "worker/onnx/translations.h"

namespace espalier {
namespace {

/// Indices of one dimension, in their order: as a slice where they are one.
ValueIndex take(OnnxNode& node, ValueIndex x, std::size_t dim, const std::vector<std::int64_t>& indices) {
  const Dims& dims = node.dims_of(x);
  const std::int64_t size = dims[dim].size;
  const auto along = static_cast<std::int64_t>(dim);
  const std::int64_t step = indices.size() < 2 ? 1 : indices[1] - indices[0];
  bool even = !indices.empty() && step > 0;
  for (std::size_t i = 1; i < indices.size(); ++i) even = even && indices[i] - indices[i - 1] == step;
  if (indices.empty()) node.refuse("takes nothing of " + to_string(dims));
  if (dims[dim].batch) node.refuse("takes some of the examples");
  if (even && step == 1 && static_cast<std::int64_t>(indices.size()) == size) return x;
  if (even) {
    return node.add("Slice", {x}, {{"dim", along}, {"start", indices[0]}, {"end", indices.back() + 1}, {"step", step}});
  }
  return node.add("Gather", {x}, {{"dim", along}, {"indices", indices}});
}

void translate_slice(OnnxNode& node) {
  ValueIndex x = node.value(0);
  const bool old = node.opset() < 10;
  const std::vector<std::int64_t> starts = old ? node.attributes().integers("starts") : node.integers(1);
  const std::vector<std::int64_t> ends = old ? node.attributes().integers("ends") : node.integers(2);
  std::vector<std::int64_t> axes = node.either("axes", 3);
  if (axes.empty()) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  const std::vector<std::int64_t> steps = node.has(4) ? node.integers(4) : std::vector<std::int64_t>(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    node.refuse("has more starts than ends");
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const Dims& dims = node.dims_of(x);
    const std::size_t dim = node.axis(axes[i], dims.size());
    const std::int64_t file_batch = node.network().file_batch;
    const bool all_filed = dims[dim].batch && file_batch > 0 && ends[i] / file_batch >= dims[dim].size;
    const bool whole = starts[i] == 0 && steps[i] == 1 && (all_filed || ends[i] > std::int64_t{1} << 30);
    if (!whole) x = take(node, x, dim, sliced_indices(starts[i], ends[i], steps[i], dims[dim].size));
  }
  node.give(x);
}

void translate_split(OnnxNode& node) {
  const ValueIndex x = node.value(0);
  const Dims dims = node.dims_of(x);
  const std::size_t dim = node.axis(node.attributes().integer("axis", 0), dims.size());
  const std::vector<std::int64_t> sizes =
      split_sizes(node.either("split", 1), static_cast<std::int64_t>(node.outputs()), dims[dim].size);
  if (dims[dim].size > std::int64_t{1} << 24) node.refuse("splits " + to_string(dims));
  std::int64_t first = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(sizes[i]));
    std::iota(indices.begin(), indices.end(), first);
    if (node.gives(i) && node.network().is_read(node.proto_output(i))) node.give(take(node, x, dim, indices), i);
    first += sizes[i];
  }
}

/// Rows of a table by numbers that are computed, or indices known beforehand.
void translate_gather(OnnxNode& node) {
  const std::int64_t axis = node.attributes().integer("axis", 0);
  const std::optional<at::Tensor> table = node.tensor(0);
  if (!node.is_constant(1)) {
    if (!table || table->dim() != 2 || node.axis(axis, 2) != 0) node.refuse("takes indices that are computed");
    node.name_after(0);
    return node.give(node.add("Embedding", {node.value(1), node.parameter(0, ".weight", ParameterRole::embedding)}));
  }
  const ValueIndex x = node.value(0);
  const Dims dims = node.dims_of(x);
  const std::size_t dim = node.axis(axis, dims.size());
  std::vector<std::int64_t> indices = node.integers(1);
  for (std::int64_t& index : indices) {
    if (index < 0) index += dims[dim].size;
    if (index < 0 || index >= dims[dim].size)
      node.refuse("takes index " + std::to_string(index) + " of " + to_string(dims));
  }
  Dims to = dims;
  const Dims shape = node.dims(1);
  const auto place = to.erase(to.begin() + static_cast<std::ptrdiff_t>(dim));
  to.insert(place, shape.begin(), shape.end());
  node.give(node.reshape(take(node, x, dim, indices), to));
}

void translate_tile(OnnxNode& node) {
  ValueIndex x = node.value(0);
  const Dims repeats = node.as_dims(1);
  if (repeats.size() != node.dims_of(x).size()) node.refuse("repeats other dimensions than it has");
  for (std::size_t dim = 0; dim < repeats.size(); ++dim) {
    const Dims dims = node.dims_of(x);
    const std::int64_t size = dims[dim].size, times = repeats[dim].size;
    if (repeats[dim] == Dim{1}) continue;
    if (repeats[dim] == Dim{1, true} && dims[dim] == Dim{1}) {
      std::vector<std::int64_t> sizes = sizes_of(dims);
      x = node.add("Expand", {x, node.network().input}, {{"sizes", sizes}, {"batch", static_cast<std::int64_t>(dim)}});
      continue;
    }
    if (repeats[dim].batch || times < 1 || times > (std::int64_t{1} << 24) / size)
      node.refuse("repeats " + to_string(dims));
    std::vector<std::int64_t> indices(static_cast<std::size_t>(size * times));
    for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int64_t>(i) % size;
    x = take(node, x, dim, indices);
  }
  node.give(x);
}

/// Indices that mirror a dimension at its ends, or repeat its ends.
std::vector<std::int64_t> continued(const OnnxNode& node, const std::string& mode, std::int64_t size,
                                    std::int64_t before, std::int64_t after) {
  std::vector<std::int64_t> indices;
  if (mode == "reflect" && (before >= size || after >= size)) node.refuse("mirrors more than there is");
  for (std::int64_t i = -before; i < size + after; ++i) {
    const std::int64_t mirrored = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    indices.push_back(mode == "reflect" ? mirrored : std::clamp<std::int64_t>(i, 0, size - 1));
  }
  return indices;
}

void translate_pad(OnnxNode& node) {
  ValueIndex x = node.value(0);
  const std::size_t rank = node.dims_of(x).size();
  const std::vector<std::int64_t> pads = node.opset() < 11 ? node.attributes().integers("pads") : node.integers(1);
  const std::string mode = node.attributes().word("mode", "constant");
  if (node.has(3)) node.refuse("pads dimensions that it names");
  if (pads.size() != 2 * rank) node.refuse("pads other dimensions than it has");
  for (const std::int64_t pad : pads) {
    if (pad < -(1 << 20) || pad > 1 << 20) node.refuse("pads by " + std::to_string(pad));
  }
  double value = node.attributes().number("value", 0);
  if (node.has(2)) {
    const std::optional<double> number = node.number(2);
    if (!number) node.refuse("computes what it pads with");
    value = *number;
  }
  std::vector<std::int64_t> before(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
  std::vector<std::int64_t> after(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
  if (std::ranges::all_of(pads, [](std::int64_t pad) { return pad == 0; })) return node.give(x);
  if (mode == "constant")
    return node.give(node.add("Pad", {x}, {{"before", before}, {"after", after}, {"value", value}}));
  if (mode != "reflect" && mode != "edge") node.refuse("pads by " + mode);
  for (std::size_t dim = 0; dim < rank; ++dim) {
    if (before[dim] < 0 || after[dim] < 0) node.refuse("cuts what it pads");
    const std::int64_t size = node.dims_of(x)[dim].size;
    if (before[dim] + after[dim] > 0) x = take(node, x, dim, continued(node, mode, size, before[dim], after[dim]));
  }
  node.give(x);
}

}  // namespace

const OnnxTranslations& onnx_choice_translations() {
  static const OnnxTranslations kAll{{"Slice", translate_slice},
                                     {"Split", translate_split},
                                     {"Gather", translate_gather},
                                     {"Tile", translate_tile},
                                     {"Pad", translate_pad}};
  return kAll;
}

}  // namespace espalier
