#include <algorithm>
#include <numeric>
#include <optional>

#include <ATen/ops/full.h>

#include "worker/lowering/shape_steps.h"
#include "worker/lowering/translations.h"

// Parts of a tensor, and tensors side by side.

namespace espalier {
namespace {

std::int64_t clamped(std::int64_t place, std::int64_t size) {
  return std::clamp<std::int64_t>(place < 0 ? place + size : place, 0, size);
}

void lower_slice(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const Dims dims = call.dims(x);
  if (dims == call.output()) {  // all of it, which examples may be
    call.give_view({x, dims});
    return;
  }
  const std::size_t dim = dim_of(call, dims, call.integer("dim"));
  const std::int64_t step = call.integer("step");
  const std::int64_t start = call.has("start") ? clamped(call.integer("start"), dims[dim].size) : 0;
  const std::int64_t end = call.has("end") ? clamped(call.integer("end"), dims[dim].size) : dims[dim].size;
  const ValueIndex part = sliced(call, x, dim, start, end, step);
  if (step == 1) {
    call.give_part(part, dim, start, end);
  } else {
    call.give(part);
  }
}

void lower_narrow(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  const std::int64_t start = clamped(call.integer("start"), call.dims(x)[dim].size);
  call.give_part(sliced(call, x, dim, start, start + call.integer("length")), dim, start,
                 start + call.integer("length"));
}

void lower_select(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  const std::int64_t index = clamped(call.integer("index"), call.dims(x)[dim].size);
  const ValueIndex part = sliced(call, x, dim, index, index + 1);
  call.give(reshaped(call, {part, call.dims(part)}, call.output()));
}

void lower_unbind(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  for (std::size_t i = 0; i < call.outputs(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const ValueIndex part = sliced(call, x, dim, index, index + 1);
    call.give(reshaped(call, {part, call.dims(part)}, call.output(i)), i);
  }
}

/// chunk and split: the sizes of the parts are seen.
void lower_split(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  std::int64_t start = 0;
  for (std::size_t i = 0; i < call.outputs(); ++i) {
    const std::int64_t end = start + call.output(i)[dim].size;
    call.give_part(sliced(call, x, dim, start, end), dim, start, end, i);
    start = end;
  }
}

void lower_cat(CallLowering& call) {
  std::vector<ValueIndex> parts;
  for (const Lowered& one : call.tensors("tensors")) {
    if (one.dims.size() == 1 && one.dims[0].size == 0) continue;
    parts.push_back(call.value(one));
  }
  const std::size_t dim = dim_of(call, call.output(), call.integer("dim"));
  // A part that is the same for all examples is repeated.
  for (ValueIndex& part : parts) {
    Dims to = call.output();
    to[dim] = call.dims(part)[dim];
    part = expanded(call, part, to);
  }
  call.give(parts.size() == 1 ? parts[0] : call.add("Concat", parts, {{"dim", static_cast<std::int64_t>(dim)}}));
}

void lower_stack(CallLowering& call) {
  const std::size_t dim = dim_of(call, call.output(), call.integer("dim"));
  std::vector<ValueIndex> parts;
  Dims to = call.output();
  to[dim].size = 1;
  for (const Lowered& one : call.tensors("tensors")) parts.push_back(reshaped(call, one, to).value);
  call.give(parts.size() == 1 ? parts[0] : call.add("Concat", parts, {{"dim", static_cast<std::int64_t>(dim)}}));
}

void lower_roll(CallLowering& call) {
  ValueIndex x = call.value("self");
  const std::vector<std::int64_t> shifts = call.integers("shifts"), along = call.integers("dims");
  if (along.empty()) call.refuse("rolls a tensor as if it had one dimension");
  for (std::size_t i = 0; i < along.size(); ++i) {
    const std::size_t dim = dim_of(call, call.dims(x), along[i]);
    const std::int64_t size = call.dims(x)[dim].size;
    std::vector<std::int64_t> indices(static_cast<std::size_t>(size));
    for (std::int64_t to = 0; to < size; ++to)
      indices[static_cast<std::size_t>(to)] = ((to - shifts[i]) % size + size) % size;
    if (!std::ranges::is_sorted(indices)) x = gathered(call, x, dim, indices);
  }
  call.give(x);
}

void lower_flip(CallLowering& call) {
  ValueIndex x = call.value("self");
  for (const std::int64_t one : call.integers("dims")) {
    const std::size_t dim = dim_of(call, call.dims(x), one);
    std::vector<std::int64_t> indices(static_cast<std::size_t>(call.dims(x)[dim].size));
    std::iota(indices.rbegin(), indices.rend(), 0);
    x = gathered(call, x, dim, indices);
  }
  call.give(x);
}

/// Zhang et al. 2018, arXiv:1707.01083: of each group's channels one after the other.
void lower_channel_shuffle(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::int64_t channels = call.dims(x).at(1).size, groups = call.integer("groups");
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < channels; ++i) indices.push_back(i % groups * (channels / groups) + i / groups);
  call.give(gathered(call, x, 1, indices));
}

/// Shi et al. 2016, arXiv:1609.05158: [N, C r^2, H, W] to [N, C, H r, W r].
void lower_pixel_shuffle(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::int64_t r = call.integer("upscale_factor");
  const Dims dims = call.dims(x);
  if (dims.size() != 4) call.refuse("takes an image without a batch");
  const Dims split{dims[0], {dims[1].size / (r * r)}, {r}, {r}, dims[2], dims[3]};
  const ValueIndex turned = transposed(call, reshaped(call, {x, dims}, split).value, {0, 1, 4, 2, 5, 3});
  call.give(reshaped(call, {turned, call.dims(turned)}, call.output()));
}

std::vector<std::int64_t> numbers_of(const CallLowering& call, const at::Tensor& indices, std::int64_t size) {
  if (indices.scalar_type() != at::kLong && indices.scalar_type() != at::kInt)
    call.refuse("takes indices that are no integers");
  const at::Tensor flat = indices.to(at::kLong).reshape({-1}).contiguous();
  std::vector<std::int64_t> numbers(flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel());
  for (std::int64_t& number : numbers) number = number < 0 ? number + size : number;
  return numbers;
}

/// x[:, indices], with indices that are the same for all examples.
void lower_index(CallLowering& call) {
  const ValueIndex x = call.value("self");
  std::optional<std::size_t> dim;
  for (std::size_t i = 0; i < call.count("indices"); ++i) {
    const at::Tensor indices = call.constant("indices", i);
    if (!indices.defined()) continue;
    if (dim) call.refuse("takes indices of more than one dimension");
    dim = i;
  }
  if (!dim) call.refuse("takes indices that were computed");
  const at::Tensor indices = call.constant("indices", *dim);
  const ValueIndex taken = gathered(call, x, *dim, numbers_of(call, indices, call.dims(x)[*dim].size));
  call.give(reshaped(call, {taken, call.dims(taken)}, call.output()));
}

void lower_index_select(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  const at::Tensor indices = call.constant("index");
  if (!indices.defined()) call.refuse("takes indices that were computed");
  call.give(gathered(call, x, dim, numbers_of(call, indices, call.dims(x)[dim].size)));
}

/// Copies side by side.
void lower_repeat(CallLowering& call) {
  const std::vector<std::int64_t> repeats = call.integers("repeats");
  const Lowered x = call.tensor("self");
  Dims dims(repeats.size() - x.dims.size(), Dim{1});
  dims.insert(dims.end(), x.dims.begin(), x.dims.end());
  ValueIndex result = reshaped(call, x, dims).value;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    const std::vector<ValueIndex> copies(static_cast<std::size_t>(repeats[i]), result);
    if (copies.size() != 1) result = call.add("Concat", copies, {{"dim", static_cast<std::int64_t>(i)}});
  }
  call.give(result);
}

/// Each index as often.
void lower_repeat_interleave(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::size_t dim = dim_of(call, call.dims(x), call.integer("dim"));
  std::vector<std::int64_t> indices(static_cast<std::size_t>(call.output()[dim].size));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int64_t>(i) / call.integer("repeats");
  call.give(gathered(call, x, dim, indices));
}

void lower_pad(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const std::vector<std::int64_t> pad = call.integers("pad");  // of the last dimension first
  std::vector<std::int64_t> before(call.dims(x).size(), 0), after = before;
  for (std::size_t i = 0; 2 * i + 1 < pad.size(); ++i) {
    before[before.size() - 1 - i] = pad[2 * i];
    after[after.size() - 1 - i] = pad[2 * i + 1];
  }
  if (std::ranges::all_of(pad, [](std::int64_t size) { return size == 0; })) {
    call.give(x);
    return;
  }
  call.give(call.add("Pad", {x}, {{"before", before}, {"after", after}, {"value", call.number("value")}}));
}

/// What lies beyond the edge is a copy of what lies within.
void lower_mirrored_pad(CallLowering& call) {
  const bool reflects = call.name().starts_with("aten::reflection");
  ValueIndex x = call.value("self");
  const std::vector<std::int64_t> pad = call.integers("padding");
  for (std::size_t i = 0; 2 * i + 1 < pad.size(); ++i) {
    const std::size_t dim = call.dims(x).size() - 1 - i;
    const std::int64_t size = call.dims(x)[dim].size;
    std::vector<std::int64_t> indices;
    for (std::int64_t place = -pad[2 * i]; place < size + pad[2 * i + 1]; ++place) {
      const std::int64_t edge = std::clamp<std::int64_t>(place, 0, size - 1);
      indices.push_back(reflects ? 2 * edge - place : edge);
    }
    x = gathered(call, x, dim, indices);
  }
  call.give(x);
}

/// What is written there has the shape of what it replaces.
void lower_copy(CallLowering& call) {
  call.give(expanded(call, call.value("src"), call.output()));
}

void lower_fill(CallLowering& call) {
  const double number = call.name().starts_with("aten::zero") ? 0 : call.number("value");
  std::vector<std::int64_t> sizes;
  for (const Dim& dim : call.output()) sizes.push_back(dim.batch ? 1 : dim.size);
  const ValueIndex numbers = call.add_buffer(at::full(sizes, number, at::kFloat));
  call.give(expanded(call, numbers, call.output()));
}

}  // namespace

const Translations& part_translations() {
  static const Translations kAll{
      {"aten::slice", lower_slice},
      {"aten::narrow", lower_narrow},
      {"aten::select", lower_select},
      {"aten::unbind", lower_unbind},
      {"aten::chunk", lower_split},
      {"aten::split", lower_split},
      {"aten::split_with_sizes", lower_split},
      {"aten::tensor_split", lower_split},
      {"aten::unsafe_chunk", lower_split},
      {"aten::unsafe_split", lower_split},
      {"aten::cat", lower_cat},
      {"aten::stack", lower_stack},
      {"aten::roll", lower_roll},
      {"aten::flip", lower_flip},
      {"aten::channel_shuffle", lower_channel_shuffle},
      {"aten::pixel_shuffle", lower_pixel_shuffle},
      {"aten::index", lower_index},
      {"aten::index_select", lower_index_select},
      {"aten::repeat", lower_repeat},
      {"aten::repeat_interleave", lower_repeat_interleave},
      {"aten::constant_pad_nd", lower_pad},
      {"aten::reflection_pad1d", lower_mirrored_pad},
      {"aten::reflection_pad2d", lower_mirrored_pad},
      {"aten::replication_pad1d", lower_mirrored_pad},
      {"aten::replication_pad2d", lower_mirrored_pad},
      {"aten::copy_", lower_copy},
      {"aten::zero_", lower_fill},
      {"aten::fill_", lower_fill},
  };
  return kAll;
}

}  // namespace espalier
