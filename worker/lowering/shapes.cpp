#include <algorithm>
#include <numeric>
#include <optional>

#include "worker/lowering/shape_steps.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

std::int64_t batch_place(const Dims& dims) {
  const auto batch = std::ranges::find_if(dims, &Dim::batch);
  return batch == dims.end() ? -1 : batch - dims.begin();
}

/// Indices before those of the examples.
std::int64_t before_batch(const Dims& dims) {
  return elements(Dims(dims.begin(), dims.begin() + batch_place(dims)));
}

/// Where the module flattens what lies before the examples into their dimension: the shape that keeps it apart.
std::optional<Dims> kept_apart(const Dims& from, const Dims& to) {
  const std::int64_t place = batch_place(to);
  if (batch_place(from) < 0 || place < 0) return std::nullopt;
  const std::int64_t outer = before_batch(from) / before_batch(to);
  Dims apart = to;
  Dim& batch = apart[static_cast<std::size_t>(place)];
  if (before_batch(from) % before_batch(to) != 0 || batch.size % outer != 0) return std::nullopt;
  batch.size /= outer;
  apart.insert(apart.begin() + place, Dim{outer});
  return apart;
}

void lower_reshape(CallLowering& call) {
  call.give(reshaped(call, call.tensor("self"), call.output()));
}

/// The same numbers in the same shape.
void lower_identity(CallLowering& call) {
  const Lowered x = call.tensor("self");
  if (x.dims != call.output()) call.refuse("gives another shape");
  call.give_view(x);
}

void lower_permute(CallLowering& call) {
  const ValueIndex x = call.value("self");
  std::vector<std::int64_t> permutation = call.integers("dims");
  for (std::int64_t& dim : permutation) dim = static_cast<std::int64_t>(dim_of(call, call.dims(x), dim));
  call.give(transposed(call, x, permutation));
}

void lower_transpose(CallLowering& call) {
  const ValueIndex x = call.value("self");
  const Dims& dims = call.dims(x);
  if (dims.size() < 2) {
    call.give(x);
    return;
  }
  const bool matrix = call.name().starts_with("aten::t") && !call.name().starts_with("aten::transpose");
  const std::size_t one = dim_of(call, dims, matrix ? 0 : call.integer("dim0")),
                    other = dim_of(call, dims, matrix ? 1 : call.integer("dim1"));
  call.give(transposed(call, x, one, other));
}

void lower_reversed(CallLowering& call) {
  const ValueIndex x = call.value("self");
  std::vector<std::int64_t> permutation(call.dims(x).size());
  std::iota(permutation.rbegin(), permutation.rend(), 0);
  call.give(transposed(call, x, permutation));
}

void lower_expand(CallLowering& call) {
  call.give(expanded(call, call.value("self"), call.output()));
}

}  // namespace

Lowered reshaped(CallLowering& call, const Lowered& x, const Dims& to) {
  const Dims from = call.dims(x.value);
  const auto as = [&](const Dims& shape) {
    return Lowered{from == shape
                       ? x.value
                       : call.add("Reshape", {x.value}, {{"sizes", sizes_of(shape)}, {"batch", batch_place(shape)}}),
                   to};
  };
  const bool batched = batch_place(from) >= 0;
  if (batched == (batch_place(to) >= 0) && (!batched || before_batch(from) == before_batch(to))) return as(to);
  if (const auto apart = kept_apart(from, to)) return as(*apart);
  call.refuse("gives " + to_string(from) + " the shape " + to_string(to) + ", which mixes examples");
}

ValueIndex transposed(CallLowering& call, ValueIndex x, const std::vector<std::int64_t>& permutation) {
  if (std::ranges::is_sorted(permutation)) return x;
  return call.add("Transpose", {x}, {{"permutation", permutation}});
}

ValueIndex transposed(CallLowering& call, ValueIndex x, std::size_t one, std::size_t other) {
  std::vector<std::int64_t> permutation(call.dims(x).size());
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation[one], permutation[other]);
  return transposed(call, x, permutation);
}

ValueIndex sliced(CallLowering& call, ValueIndex x, std::size_t dim, std::int64_t start, std::int64_t end,
                  std::int64_t step) {
  if (start == 0 && end == call.dims(x)[dim].size && step == 1) return x;
  return call.add("Slice", {x},
                  {{"dim", static_cast<std::int64_t>(dim)}, {"start", start}, {"end", end}, {"step", step}});
}

ValueIndex gathered(CallLowering& call, ValueIndex x, std::size_t dim, std::vector<std::int64_t> indices) {
  return call.add("Gather", {x}, {{"dim", static_cast<std::int64_t>(dim)}, {"indices", std::move(indices)}});
}

ValueIndex expanded(CallLowering& call, ValueIndex x, const Dims& to) {
  if (call.dims(x) == to) return x;
  std::vector<ValueIndex> inputs{x};
  if (batch_place(to) >= 0 && batch_place(call.dims(x)) < 0) inputs.push_back(call.examples());
  return call.add("Expand", inputs, {{"sizes", sizes_of(to)}, {"batch", batch_place(to)}});
}

std::size_t dim_of(const CallLowering& call, const Dims& dims, std::int64_t dim) {
  const auto count = static_cast<std::int64_t>(dims.size());
  if (dim < -count || dim >= count) call.refuse("is over dimension " + std::to_string(dim) + " of " + to_string(dims));
  return static_cast<std::size_t>(dim < 0 ? dim + count : dim);
}

const Translations& shape_translations() {
  static const Translations kAll{
      {"aten::view", lower_reshape},         {"aten::reshape", lower_reshape},
      {"aten::_unsafe_view", lower_reshape}, {"aten::_reshape_alias", lower_reshape},
      {"aten::view_as", lower_reshape},      {"aten::reshape_as", lower_reshape},
      {"aten::flatten", lower_reshape},      {"aten::unflatten", lower_reshape},
      {"aten::squeeze", lower_reshape},      {"aten::unsqueeze", lower_reshape},
      {"aten::contiguous", lower_identity},  {"aten::clone", lower_identity},
      {"aten::alias", lower_identity},       {"aten::to", lower_identity},
      {"aten::permute", lower_permute},      {"aten::transpose", lower_transpose},
      {"aten::t", lower_transpose},          {"aten::numpy_T", lower_reversed},
      {"aten::expand", lower_expand},        {"aten::expand_as", lower_expand},
  };
  return kAll;
}

}  // namespace espalier
