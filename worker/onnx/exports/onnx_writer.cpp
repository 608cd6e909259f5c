#include "worker/onnx/exports/onnx_writer.h"

#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <utility>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::int64_t kWrittenOpset = 17, kIrVersion = 8;
constexpr std::int64_t kMostWrittenBytes = 1'900'000'000;

int onnx_type(ValueType type) {
  if (type == ValueType::index) return onnx::TensorProto::INT64;
  return type == ValueType::truth ? onnx::TensorProto::BOOL : onnx::TensorProto::FLOAT;
}

void describe_value(const Value& value, const std::string& name, onnx::ValueInfoProto& info) {
  info.set_name(name);
  auto* type = info.mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx_type(value.type));
  for (const Dim& dim : value.dims) {
    auto* written = type->mutable_shape()->add_dim();
    if (!dim.batch) {
      written->set_dim_value(dim.size);
    } else {
      written->set_dim_param(dim.size == 1 ? "N" : std::to_string(dim.size) + "N");
    }
  }
}

}  // namespace

OnnxWriter::OnnxWriter(const OperatorGraph& graph, const NamedTensors& tensors)
    : graph_(graph), model_(std::make_unique<onnx::ModelProto>()) {
  if (size_bytes(tensors) > kMostWrittenBytes) {
    throw Error(ErrorKind::invalid_input,
                "onnx: the network's tensors are more than an ONNX file of one piece holds (2 "
                "GB); write safetensors");
  }
  model_->set_ir_version(kIrVersion);
  model_->set_producer_name("espalier");
  auto* opset = model_->add_opset_import();
  opset->set_domain("");
  opset->set_version(kWrittenOpset);
  model_->mutable_graph()->set_name("network");
  for (ValueIndex i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph.value(i);
    if (value.source == Value::Source::input) describe_value(value, name(i), *model_->mutable_graph()->add_input());
    if (value.source != Value::Source::parameter && value.source != Value::Source::buffer) continue;
    for (const auto& [tensor_name, tensor] : tensors)
      if (tensor_name == value.name) write_tensor(name(i), tensor);
  }
}

OnnxWriter::~OnnxWriter() = default;

std::string OnnxWriter::name(ValueIndex value) const {
  if (value == kNoValue) return "";
  if (value == graph_.input()) return "input";
  const Value& one = graph_.value(value);
  return one.source == Value::Source::node ? "/" + one.name : one.name;
}

std::string OnnxWriter::add(const char* op, const std::vector<std::string>& inputs, const OnnxAttributes& attributes) {
  auto* node = model_->mutable_graph()->add_node();
  node->set_op_type(op);
  for (const std::string& one : inputs) node->add_input(one);
  for (const auto& [name, value] : attributes) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      attribute->set_type(onnx::AttributeProto::INT);
      attribute->set_i(*integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      attribute->set_type(onnx::AttributeProto::FLOAT);
      attribute->set_f(static_cast<float>(*real));
    } else if (const auto* word = std::get_if<std::string>(&value)) {
      attribute->set_type(onnx::AttributeProto::STRING);
      attribute->set_s(*word);
    } else {
      attribute->set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t one : std::get<std::vector<std::int64_t>>(value)) attribute->add_ints(one);
    }
  }
  const std::string name = "/" + std::string(op) + "_" + std::to_string(++made_);
  node->set_name(name);
  node->add_output(name + "_output");
  return node->output(0);
}

void OnnxWriter::put(const Node& node, const char* op, const std::vector<std::string>& inputs,
                     const OnnxAttributes& attributes) {
  add(op, inputs, attributes);
  auto* written = model_->mutable_graph()->mutable_node(model_->graph().node_size() - 1);
  written->set_name(node.name);
  written->set_output(0, name(node.output));
}

std::string OnnxWriter::tensor(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.to(at::kCPU).contiguous();
  std::string key = std::to_string(static_cast<int>(whole.scalar_type()));
  for (const std::int64_t size : whole.sizes()) key += " " + std::to_string(size);
  key += ":" + std::string(static_cast<const char*>(whole.data_ptr()), whole.nbytes());
  const auto [found, is_new] = constants_.try_emplace(key, "/constant_" + std::to_string(constants_.size()));
  if (is_new) write_tensor(found->second, whole);
  return found->second;
}

std::string OnnxWriter::numbers(const std::vector<std::int64_t>& values) {
  return tensor(at::tensor(values, at::TensorOptions(at::kLong)));
}

std::string OnnxWriter::number(double value) {
  return tensor(at::full({}, value, at::kFloat));
}

std::string OnnxWriter::filled(std::int64_t count, double value) {
  return tensor(at::full({count}, value, at::kFloat));
}

std::string OnnxWriter::examples(const std::string& value, std::size_t dim, std::int64_t size) {
  const std::string all = add("Gather", {add("Shape", {value}), numbers({static_cast<std::int64_t>(dim)})});
  return size == 1 ? all : add("Div", {all, numbers({size})});
}

void OnnxWriter::write_tensor(const std::string& name, const at::Tensor& tensor) {
  const at::Tensor whole = (tensor.is_floating_point() ? tensor.to(at::kFloat) : tensor).to(at::kCPU).contiguous();
  auto* written = model_->mutable_graph()->add_initializer();
  written->set_name(name);
  for (const std::int64_t size : whole.sizes()) written->add_dims(size);
  written->set_data_type(whole.is_floating_point()          ? onnx::TensorProto::FLOAT
                         : whole.scalar_type() == at::kBool ? onnx::TensorProto::BOOL
                                                            : onnx::TensorProto::INT64);
  const at::Tensor held = whole.is_floating_point() || whole.scalar_type() == at::kBool ? whole : whole.to(at::kLong);
  written->set_raw_data(std::string(static_cast<const char*>(held.data_ptr()), held.nbytes()));
}

std::string OnnxWriter::finish() {
  auto* last = model_->mutable_graph()->add_node();
  last->set_op_type("Identity");
  last->set_name("output");
  last->add_input(name(graph_.output()));
  last->add_output("output");
  describe_value(graph_.value(graph_.output()), "output", *model_->mutable_graph()->add_output());
  try {
    onnx::checker::check_model(*model_);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::internal, "the ONNX file that was made is none: " + std::string(error.what()));
  }
  return model_->SerializeAsString();
}

}  // namespace espalier
