#include "worker/lowering/graph_lowering.h"

#include <utility>

#include <ATen/ops/equal.h>

#include "base/error.h"
#include "worker/lowering/call_lowering.h"

namespace espalier {
namespace {

constexpr std::int64_t kTwo = 2, kThree = 3;

}  // namespace

const void* address_of(const at::Tensor& tensor) {
  return tensor.unsafeGetTensorImpl();
}

[[noreturn]] void not_lowered(const std::string& what) {
  throw Error(ErrorKind::invalid_input, what);
}

std::optional<Dims> dims_seen(c10::IntArrayRef with_two, c10::IntArrayRef with_three) {
  if (with_two.size() != with_three.size()) return std::nullopt;
  Dims dims;
  bool batch = false;
  for (std::size_t i = 0; i < with_two.size(); ++i) {
    if (with_two[i] == with_three[i]) {
      dims.push_back({with_two[i], false});
    } else if (!batch && with_two[i] % kTwo == 0 && with_two[i] * kThree == with_three[i] * kTwo) {
      dims.push_back({with_two[i] / kTwo, true});
      batch = true;
    } else {
      return std::nullopt;
    }
  }
  return dims;
}

GraphLowering::GraphLowering(const ScriptModule& module) : whole_(module) {
  names_.emplace("input", 1);
  for (const ScriptTensor& one : module.tensors()) {
    module_.emplace(address_of(one.tensor), &one);
    names_.emplace(one.name, 1);
  }
}

void GraphLowering::begin(const at::Tensor& examples, const at::Tensor& others,
                          const std::vector<std::int64_t>& sizes) {
  input_.value = builder_.input(sizes);
  input_.dims = builder_.dims(input_.value);
  const Dims given = dims_seen(examples.sizes(), others.sizes()).value();
  Lowered read{input_.value, given};
  if (given != input_.dims) {
    read.value = builder_.add("Reshape", free_name("flatten"), {input_.value},
                              {{"sizes", sizes_of(given)}, {"batch", std::int64_t{0}}});
  }
  tracked_[address_of(examples)] = {read, examples, std::nullopt};
  same_.emplace(address_of(examples), address_of(others));
}

OperatorGraph GraphLowering::finish(const at::Tensor& output) {
  const auto found = tracked_.find(address_of(output));
  if (found == tracked_.end() || found->second.stale)
    not_lowered("the output depends on no example in a way that is understood");
  const Lowered& lowered = found->second.lowered;
  if (builder_.dims(lowered.value) != lowered.dims) not_lowered("the output mixes examples");
  const ValueIndex value = lowered.value;
  tracked_.clear();  // and with them what both runs computed
  return builder_.finish(value);
}

void GraphLowering::lower(const RecordedCall& call, const RecordedCall& other) {
  try {
    CallLowering(*this, call, other).run();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    not_lowered(with_place(call.name + ": " + error.what(), call.stack));
  }
}

Lowered GraphLowering::read(const at::Tensor& tensor, const at::Tensor& other) {
  if (!tensor.defined() || !other.defined()) {
    if (tensor.defined() != other.defined()) not_lowered("takes a tensor or none by the number of examples");
    return {};
  }
  if (const auto found = tracked_.find(address_of(tensor)); found != tracked_.end()) {
    if (!same_.contains({address_of(tensor), address_of(other)}))
      not_lowered("takes another tensor by the number of examples");
    if (found->second.stale) not_lowered("reads a tensor whose memory was written to through another one");
    return found->second.lowered;
  }
  const auto named = module_.find(address_of(tensor));
  if (named == module_.end()) return constant(tensor, other);
  const ScriptTensor& one = *named->second;
  auto [kept, is_new] = kept_.emplace(one.name, kNoValue);
  if (is_new) {
    if (one.kind == ScriptTensor::Kind::buffer) {
      kept->second = add_buffer(one.name, one.tensor);
    } else {
      kept->second = builder_.parameter(one.name, one.tensor.sizes().vec(), ParameterRole::other);
      tensors.emplace_back(one.name, one.tensor);
    }
  }
  return {kept->second, builder_.dims(kept->second)};
}

Lowered GraphLowering::constant(const at::Tensor& tensor, const at::Tensor& other) {
  if (tensor.sizes() != other.sizes() || !at::equal(tensor, other))
    not_lowered("reads numbers that differ between two batches, and come from the examples in a way that is not seen");
  const std::string name = free_name("constant_" + std::to_string(++constants_));
  const ValueIndex value = add_buffer(name, tensor);
  return {value, builder_.dims(value)};
}

/// A network keeps numbers of one type.
ValueIndex GraphLowering::add_buffer(const std::string& name, const at::Tensor& tensor) {
  tensors.emplace_back(name, tensor.is_floating_point() ? tensor : tensor.to(at::kFloat));
  return builder_.buffer(name, tensor.sizes().vec(), 0);
}

/// What it is a part of has changed, too; whatever else shares the memory is not to be read again.
void GraphLowering::written(const at::Tensor& tensor) {
  std::set<const void*> followed{address_of(tensor)};
  const Tracked* part = &tracked_.at(address_of(tensor));
  while (part->part) {
    Tracked& whole = tracked_.at(part->part->whole);
    if (whole.stale || !followed.insert(part->part->whole).second) break;
    whole.lowered = with_part(whole.lowered, *part->part, part->lowered);
    part = &whole;
  }
  for (auto& [address, tracked] : tracked_) {
    const bool shares = tracked.tensor.has_storage() && tracked.tensor.is_alias_of(tensor);
    tracked.stale = tracked.stale || (shares && !followed.contains(address));
  }
}

Lowered GraphLowering::with_part(const Lowered& whole, const LoweredPart& place, const Lowered& part) {
  const std::int64_t size = whole.dims[place.dim].size;
  if (place.start == 0 && place.end == size) return part;
  if (whole.dims != builder_.dims(whole.value)) not_lowered("writes into a part of what mixes examples");
  const auto dim = static_cast<std::int64_t>(place.dim);
  std::vector<ValueIndex> parts;
  const auto keep = [&](std::int64_t start, std::int64_t end) {
    if (start == end) return;
    parts.push_back(builder_.add("Slice", free_name("slice"), {whole.value},
                                 {{"dim", dim}, {"start", start}, {"end", end}, {"step", std::int64_t{1}}}));
  };
  keep(0, place.start);
  parts.push_back(part.value);
  keep(place.end, size);
  return {builder_.add("Concat", free_name("concat"), parts, {{"dim", dim}}), whole.dims};
}

}  // namespace espalier
