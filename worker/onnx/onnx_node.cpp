#include "worker/onnx/onnx_node.h"

#include <algorithm>
#include <cctype>
#include <onnx/onnx_pb.h>
#include <utility>

#include "base/error.h"
#include "worker/onnx/onnx_tensor.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostNumbers = std::int64_t{1} << 40;

std::vector<std::int64_t> integers_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kLong).contiguous();
  return {flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel()};
}

std::pair<std::vector<std::int64_t>, std::int64_t> sizes_and_batch(const Dims& dims) {
  std::pair<std::vector<std::int64_t>, std::int64_t> result{{}, -1};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    result.first.push_back(dims[i].size);
    if (dims[i].batch) result.second = static_cast<std::int64_t>(i);
  }
  return result;
}

/// What all examples have in common of a constant that is known for two numbers of them: its rows, if they are equal.
std::optional<at::Tensor> of_any_batch(const OnnxConstant& constant) {
  const at::Tensor &some = constant.tensor, &others = constant.other;
  if (some.dim() != others.dim() || some.numel() == 0 || others.numel() == 0) return std::nullopt;
  at::Tensor common = some;
  for (std::int64_t dim = 0; dim < some.dim(); ++dim) {
    if (some.size(dim) != others.size(dim)) common = common.narrow(dim, 0, 1);
  }
  if (!common.expand_as(some).equal(some) || !common.expand_as(others).equal(others)) return std::nullopt;
  return common;
}

}  // namespace

OnnxNode::OnnxNode(OnnxNetwork& network, const onnx::NodeProto& node, std::string name)
    : network_(network), node_(node), attributes_(node), name_(std::move(name)) {}

std::size_t OnnxNode::inputs() const {
  return static_cast<std::size_t>(node_.input_size());
}

std::size_t OnnxNode::outputs() const {
  return static_cast<std::size_t>(node_.output_size());
}

bool OnnxNode::has(std::size_t input) const {
  return input < inputs() && !node_.input(static_cast<int>(input)).empty();
}

bool OnnxNode::gives(std::size_t output) const {
  return output < outputs() && !node_.output(static_cast<int>(output)).empty();
}

std::string OnnxNode::input_name(std::size_t input) const {
  if (!has(input)) refuse("has no input " + std::to_string(input));
  return node_.input(static_cast<int>(input));
}

const OnnxValue& OnnxNode::input_value(std::size_t input) const {
  return network_.values.at(input_name(input));
}

const std::string& OnnxNode::proto_output(std::size_t output) const {
  return node_.output(static_cast<int>(output));
}

ValueIndex OnnxNode::value(std::size_t input) {
  if (seen(input)) refuse("mixes the examples with the rows of " + to_string(dims_of(input_value(input).value)));
  return rows(input);
}

ValueIndex OnnxNode::rows(std::size_t input) {
  OnnxValue& value = network_.values.at(input_name(input));
  if (value.value != kNoValue) return value.value;
  if (!value.trained.empty())
    return value.value = network_.add_parameter(value.trained, value.constant.tensor, ParameterRole::other);
  std::optional<at::Tensor> tensor = value.constant.tensor;
  if (value.constant.depends_on_batch()) tensor = of_any_batch(value.constant);
  if (!tensor) refuse("computes with a number that depends on how many examples there are");
  return value.value = network_.add_buffer("constant", *tensor);
}

Dims OnnxNode::dims(std::size_t input) const {
  const OnnxValue& value = input_value(input);
  if (value.seen) return *value.seen;
  if (value.value != kNoValue) return dims_of(value.value);
  return espalier::dims_of(value.constant.tensor.sizes().vec());
}

std::optional<at::Tensor> OnnxNode::tensor(std::size_t input) const {
  const OnnxValue& value = input_value(input);
  if (!value.constant.defined() || value.constant.depends_on_batch()) return std::nullopt;
  return value.constant.tensor;
}

bool OnnxNode::is_constant(std::size_t input) const {
  return input_value(input).is_constant();
}

std::optional<double> OnnxNode::number(std::size_t input) const {
  const OnnxValue& value = input_value(input);
  if (!value.is_constant() || value.constant.depends_on_batch() || value.constant.tensor.numel() != 1)
    return std::nullopt;
  const at::Tensor& number = value.constant.tensor;
  return number.is_floating_point() ? as_written(number.item<float>()) : number.item<double>();
}

std::vector<std::int64_t> OnnxNode::integers(std::size_t input) const {
  const OnnxValue& value = input_value(input);
  if (!value.is_constant() || value.constant.depends_on_batch() ||
      !at::isIntegralType(value.constant.tensor.scalar_type(), true))
    refuse("takes \"" + input_name(input) + "\", which should be integers that are known before any example comes");
  return integers_of(value.constant.tensor);
}

std::vector<std::int64_t> OnnxNode::either(const std::string& attribute, std::size_t input) const {
  return has(input) ? integers(input) : attributes_.integers(attribute);
}

Dims OnnxNode::as_dims(std::size_t input) const {
  const OnnxValue& value = input_value(input);
  const std::optional<Dims> dims = value.is_constant() ? value.constant.as_dims() : std::nullopt;
  if (!dims)
    refuse("takes \"" + input_name(input) + "\", which should be sizes that are known before any example comes");
  return *dims;
}

void OnnxNode::name_after(std::size_t input) {
  if (has(input)) name_after(input_value(input).trained);
}

void OnnxNode::name_after(const std::string& tensor) {
  for (const std::string_view suffix : {".weight", ".bias", "_weight", "_bias"}) {
    if (tensor.size() > suffix.size() && tensor.ends_with(suffix)) {
      name_ = tensor.substr(0, tensor.size() - suffix.size());
      return;
    }
  }
}

ValueIndex OnnxNode::parameter(std::size_t input, const std::string& suffix, const at::Tensor& tensor,
                               ParameterRole role) {
  const std::string& trained = input_value(input).trained;
  const bool named = role != ParameterRole::weight && !trained.empty();
  return network_.add_parameter(named ? trained : name_ + suffix, tensor, role);
}

ValueIndex OnnxNode::parameter(std::size_t input, const std::string& suffix, ParameterRole role) {
  const std::optional<at::Tensor> tensor = this->tensor(input);
  if (!tensor) refuse("computes its tensor \"" + input_name(input) + "\", which should be trained");
  return parameter(input, suffix, *tensor, role);
}

ValueIndex OnnxNode::buffer(std::size_t input, const std::string& suffix) {
  const std::optional<at::Tensor> tensor = this->tensor(input);
  if (!tensor) refuse("computes its tensor \"" + input_name(input) + "\", which should be kept");
  return buffer_of(*tensor, suffix);
}

ValueIndex OnnxNode::buffer_of(const at::Tensor& tensor, const std::string& suffix) {
  return network_.add_buffer(name_ + suffix, tensor);
}

ValueIndex OnnxNode::add(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes) {
  return add_named(op, name_, std::move(inputs), std::move(attributes));
}

ValueIndex OnnxNode::add_beside(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes) {
  std::string word(op);
  std::ranges::transform(word, word.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return add_named(op, name_ + "." + word, std::move(inputs), std::move(attributes));
}

ValueIndex OnnxNode::add_named(std::string_view op, const std::string& name, std::vector<ValueIndex> inputs,
                               Attributes attributes) {
  const auto sizes = attributes.find("sizes");
  if (sizes != attributes.end() && std::get<std::vector<std::int64_t>>(sizes->second).size() > kMostOnnxDimensions)
    refuse("makes more dimensions than a network has");
  const ValueIndex made = network_.builder().add(op, network_.unique(name), std::move(inputs), std::move(attributes));
  std::int64_t count = 1;
  for (const Dim& dim : dims_of(made)) {
    if (dim.size < 0 || (dim.size > 0 && count > kMostNumbers / dim.size))
      refuse("makes more numbers than a network has");
    count *= std::max<std::int64_t>(dim.size, 1);
  }
  return made;
}

void OnnxNode::give(ValueIndex value, std::size_t output) {
  OnnxValue made;
  made.value = value;
  give(made, output);
}

void OnnxNode::give(const OnnxValue& value, std::size_t output) {
  if (gives(output)) network_.values[node_.output(static_cast<int>(output))] = value;
}

void OnnxNode::give_rows(ValueIndex value, std::size_t input) {
  OnnxValue made;
  made.value = value;
  made.seen = seen(input);
  if (made.seen) made.seen->back() = dims_of(value).back();
  give(made);
}

ValueIndex OnnxNode::reshape(ValueIndex value, const Dims& dims) {
  if (dims == dims_of(value)) return value;
  const auto [sizes, batch] = sizes_and_batch(dims);
  return add("Reshape", {value}, {{"sizes", sizes}, {"batch", batch}});
}

ValueIndex OnnxNode::transpose(ValueIndex value, const std::vector<std::int64_t>& permutation) {
  if (std::ranges::is_sorted(permutation)) return value;
  return add("Transpose", {value}, {{"permutation", permutation}});
}

ValueIndex OnnxNode::add_number(ValueIndex value, double number) {
  return number == 0 ? value : add("AddNumber", {value}, {{"number", number}});
}

ValueIndex OnnxNode::multiply(ValueIndex value, double number) {
  return number == 1 ? value : add("MulNumber", {value}, {{"number", number}});
}

std::size_t OnnxNode::axis(std::int64_t axis, std::size_t rank) const {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) refuse("names dimension " + std::to_string(axis) + " of " + std::to_string(rank));
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

void OnnxNode::refuse(const std::string& what) const {
  throw Error(ErrorKind::invalid_input, what);
}

}  // namespace espalier
