#include "worker/lowering/call_lowering.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <ATen/ops/equal.h>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

std::string without_suffix(const std::string& name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

}  // namespace

std::size_t CallLowering::find(std::string_view argument) const {
  const auto index = call_.schema.argumentIndexWithName(std::string(argument));
  if (!index || static_cast<std::size_t>(*index) >= call_.inputs.size())
    throw Error(ErrorKind::internal, call_.name + " has no argument " + std::string(argument));
  return static_cast<std::size_t>(*index);
}

bool CallLowering::has(std::string_view argument) const {
  const auto index = call_.schema.argumentIndexWithName(std::string(argument));
  if (!index || static_cast<std::size_t>(*index) >= call_.inputs.size()) return false;
  const RecordedInput& input = call_.inputs[static_cast<std::size_t>(*index)];
  return input.tensors.empty() ? !input.value.isNone() : input.tensors[0].defined() || input.tensors.size() > 1;
}

const c10::IValue& CallLowering::plain(std::string_view argument) const {
  const std::size_t index = find(argument);
  const c10::IValue& value = call_.inputs[index].value;
  const c10::IValue& other = other_.inputs[index].value;
  const bool same = (value.isInt() && other.isInt() && value.toInt() == other.toInt()) ||
                    (value.isDouble() && other.isDouble() && value.toDouble() == other.toDouble()) ||
                    (value.isBool() && other.isBool() && value.toBool() == other.toBool()) ||
                    (value.isString() && other.isString() && value.toStringRef() == other.toStringRef()) ||
                    (value.isIntList() && other.isIntList() && value.toIntVector() == other.toIntVector());
  if (same) return value;
  if (value.tagKind() == other.tagKind()) depends_on_examples(argument);
  refuse("has another kind of " + std::string(argument) + " for another number of examples");
}

void CallLowering::depends_on_examples(std::string_view argument) const {
  refuse("has a " + std::string(argument) + " that depends on the number of examples, or is not understood");
}

std::int64_t CallLowering::integer(std::string_view argument) const {
  const c10::IValue& value = plain(argument);
  if (!value.isInt()) refuse("has no integer as " + std::string(argument));
  return value.toInt();
}

double CallLowering::number(std::string_view argument) const {
  const c10::IValue& value = plain(argument);
  if (value.isInt()) return static_cast<double>(value.toInt());
  if (value.isBool()) return value.toBool() ? 1 : 0;
  if (!value.isDouble()) refuse("has no number as " + std::string(argument));
  return value.toDouble();
}

bool CallLowering::truth(std::string_view argument) const {
  const c10::IValue& value = plain(argument);
  if (!value.isBool()) refuse("has no truth value as " + std::string(argument));
  return value.toBool();
}

std::string CallLowering::word(std::string_view argument) const {
  const c10::IValue& value = plain(argument);
  if (!value.isString()) refuse("has no word as " + std::string(argument));
  return value.toStringRef();
}

std::vector<std::int64_t> CallLowering::integers(std::string_view argument) const {
  const c10::IValue& value = plain(argument);
  if (value.isInt()) return {value.toInt()};
  if (!value.isIntList()) refuse("has no integers as " + std::string(argument));
  return value.toIntVector();
}

std::vector<std::int64_t> CallLowering::integers(std::string_view argument, std::size_t count,
                                                 const std::vector<std::int64_t>& absent) const {
  std::vector<std::int64_t> values = has(argument) ? integers(argument) : std::vector<std::int64_t>();
  if (values.empty()) values = absent;
  if (values.size() == 1) values.resize(count, values[0]);
  if (values.size() != count) refuse("has " + std::to_string(values.size()) + " numbers as " + std::string(argument));
  return values;
}

bool CallLowering::is_tensor(std::string_view argument) const {
  return has(argument) && !call_.inputs[find(argument)].tensors.empty();
}

std::size_t CallLowering::count(std::string_view argument) const {
  return call_.inputs[find(argument)].tensors.size();
}

std::vector<Lowered> CallLowering::tensors(std::string_view argument) {
  const std::size_t index = find(argument);
  const auto &some = call_.inputs[index].tensors, &others = other_.inputs[index].tensors;
  if (some.size() != others.size()) depends_on_examples(argument);
  std::vector<Lowered> result;
  for (std::size_t i = 0; i < some.size(); ++i) result.push_back(graph_.read(some[i], others[i]));
  return result;
}

Lowered CallLowering::tensor(std::string_view argument) {
  const std::vector<Lowered> all = tensors(argument);
  return all.empty() ? Lowered() : all[0];
}

ValueIndex CallLowering::value(const Lowered& lowered) const {
  if (lowered.value != kNoValue && dims(lowered.value) != lowered.dims)
    refuse("takes a tensor " + to_string(lowered.dims) + " in whose first dimension examples lie inside");
  return lowered.value;
}

ValueIndex CallLowering::value(std::string_view argument) {
  return has(argument) ? value(tensor(argument)) : kNoValue;
}

at::Tensor CallLowering::constant(std::string_view argument) {
  return is_tensor(argument) ? constant(argument, 0) : at::Tensor();
}

at::Tensor CallLowering::constant(std::string_view argument, std::size_t place) {
  const std::size_t index = find(argument);
  const at::Tensor &one = call_.inputs[index].tensors.at(place), &other = other_.inputs[index].tensors.at(place);
  if (!one.defined() || graph_.tracked_.contains(address_of(one))) return {};
  const auto named = graph_.module_.find(address_of(one));
  if (named != graph_.module_.end()) return named->second->kind == ScriptTensor::Kind::buffer ? one : at::Tensor();
  if (one.sizes() != other.sizes() || !at::equal(one, other)) depends_on_examples(argument);
  return one;
}

std::string GraphLowering::free_name(const std::string& wanted) {
  std::string name = wanted;
  for (int number = 2; !names_.emplace(name, 1).second; ++number) name = wanted + "_" + std::to_string(number);
  return name;
}

/// An activation, pooling or dropout is called as its module, anything else after the module that it stands in.
std::string CallLowering::node_name(std::string_view op) {
  const bool is_module = !call_.module.empty() && graph_.whole_.has_leaf(call_.module);
  if (is_module && find_operator(op).has(OperatorTrait::per_channel)) return graph_.free_name(call_.module);
  std::string last(op);
  std::ranges::transform(last, last.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return graph_.free_name(call_.module.empty() ? last : call_.module + "." + last);
}

ValueIndex CallLowering::add(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes) {
  return graph_.builder_.add(op, node_name(op), std::move(inputs), std::move(attributes));
}

ValueIndex CallLowering::add_layer(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes) {
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    if (inputs[i] == kNoValue || at(inputs[i]).source != Value::Source::parameter) continue;
    const std::string name = without_suffix(without_suffix(at(inputs[i]).name, ".weight"), ".bias");
    return graph_.builder_.add(op, graph_.free_name(name), std::move(inputs), std::move(attributes));
  }
  return add(op, std::move(inputs), std::move(attributes));
}

ValueIndex CallLowering::add_buffer(const at::Tensor& numbers) {
  return graph_.constant(numbers, numbers).value;
}

const Node* CallLowering::node(ValueIndex value) const {
  const auto& nodes = graph_.builder_.graph().nodes();
  const auto found = std::ranges::find(nodes, value, &Node::output);
  return found == nodes.end() ? nullptr : &*found;
}

const Value& CallLowering::at(ValueIndex value) const {
  return graph_.builder_.graph().value(value);
}

void CallLowering::give(ValueIndex value, std::size_t place) {
  give(Lowered{value, output(place)}, place);
  if (dims(value) != output(place))
    refuse("gives " + to_string(output(place)) + ", and its description " + to_string(dims(value)));
}

void CallLowering::give(Lowered lowered, std::size_t place) {
  const at::Tensor& tensor = call_.outputs.at(place).tensor;
  if (tensor.scalar_type() != at::kFloat) refuse("computes in another type than float32");
  auto& tracked = graph_.tracked_[address_of(tensor)];
  tracked.lowered = std::move(lowered);
  tracked.tensor = tensor;
  graph_.same_.emplace(address_of(tensor), address_of(other_.outputs.at(place).tensor));
}

void CallLowering::give_part(ValueIndex value, std::size_t dim, std::int64_t start, std::int64_t end,
                             std::size_t place) {
  give(value, place);
  view(dim, start, end, place);
}

void CallLowering::give_view(Lowered lowered) {
  const std::int64_t size = lowered.dims.empty() ? 0 : lowered.dims[0].size;
  give(std::move(lowered));
  if (size > 0) view(0, 0, size, 0);
}

void CallLowering::view(std::size_t dim, std::int64_t start, std::int64_t end, std::size_t place) {
  const at::Tensor &whole = call_.inputs[0].tensors.at(0), &part = call_.outputs[place].tensor;
  if (part.is_same(whole) || !part.is_alias_of(whole) || !graph_.tracked_.contains(address_of(whole))) return;
  graph_.tracked_[address_of(part)].part = LoweredPart{address_of(whole), dim, start, end};
}

void CallLowering::remark(const std::string& text) {
  graph_.remarks.push_back(with_place(text, call_.stack));
}

void CallLowering::refuse(const std::string& what) const {
  not_lowered(what);
}

void CallLowering::run() {
  if (call_.outputs.size() != other_.outputs.size()) refuse("gives more tensors for more examples");
  for (std::size_t i = 0; i < call_.outputs.size(); ++i) {
    const auto dims = dims_seen(call_.outputs[i].sizes, other_.outputs[i].sizes);
    if (!dims) refuse("mixes examples");
    dims_.push_back(*dims);
  }
  find_translation(call_.name, call_.schema)(*this);
  const bool in_place = !call_.schema.arguments().empty() && call_.schema.arguments()[0].alias_info() != nullptr &&
                        call_.schema.arguments()[0].alias_info()->isWrite();
  if (in_place) graph_.written(call_.outputs.at(0).tensor);
}

}  // namespace espalier
