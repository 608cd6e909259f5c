#include "tests/worker/onnx/onnx_model.h"

#include <onnx/onnx_pb.h>

namespace espalier {
namespace {

struct SettingWriter {
  onnx::AttributeProto& attribute;
  void operator()(std::int64_t value) const {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  void operator()(double value) const {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(static_cast<float>(value));
  }
  void operator()(const std::string& value) const {
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value);
  }
  void operator()(const OnnxModel::Integers& values) const {
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }
  void operator()(const std::vector<double>& values) const {
    attribute.set_type(onnx::AttributeProto::FLOATS);
    for (const double value : values) attribute.add_floats(static_cast<float>(value));
  }
};

}  // namespace

OnnxModel::OnnxModel(const Integers& input, int opset) : model_(std::make_unique<onnx::ModelProto>()) {
  model_->set_ir_version(7);
  auto* set = model_->add_opset_import();
  set->set_domain("");
  set->set_version(opset);
  onnx::GraphProto& graph = *model_->mutable_graph();
  graph.set_name("test");
  auto* x = graph.add_input();
  x->set_name("x");
  x->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  auto* shape = x->mutable_type()->mutable_tensor_type()->mutable_shape();
  for (const std::int64_t size : input) {
    auto* dim = shape->add_dim();
    if (size == 0) {
      dim->set_dim_param("N");
    } else {
      dim->set_dim_value(size);
    }
  }
  auto* y = graph.add_output();
  y->set_name("y");
  y->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
}

OnnxModel::~OnnxModel() = default;
OnnxModel::OnnxModel(OnnxModel&&) noexcept = default;
OnnxModel& OnnxModel::operator=(OnnxModel&&) noexcept = default;

OnnxModel& OnnxModel::tensor(const std::string& name, const at::Tensor& values) {
  onnx::TensorProto& tensor = *model_->mutable_graph()->add_initializer();
  const at::Tensor held = values.contiguous();
  tensor.set_name(name);
  tensor.set_data_type(held.scalar_type() == at::kFloat  ? onnx::TensorProto::FLOAT
                       : held.scalar_type() == at::kBool ? onnx::TensorProto::BOOL
                                                         : onnx::TensorProto::INT64);
  for (const std::int64_t size : held.sizes()) tensor.add_dims(size);
  tensor.set_raw_data(held.data_ptr(), held.nbytes());
  return *this;
}

OnnxModel& OnnxModel::tensor(const std::string& name, const Integers& values) {
  onnx::TensorProto& tensor = *model_->mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor.add_int64_data(value);
  return *this;
}

OnnxModel& OnnxModel::number(const std::string& name, double value) {
  onnx::TensorProto& tensor = *model_->mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_float_data(static_cast<float>(value));
  return *this;
}

OnnxModel& OnnxModel::node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                           const Settings& settings) {
  return node(op, inputs, std::vector{output}, settings);
}

OnnxModel& OnnxModel::node(const std::string& op, const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs, const Settings& settings) {
  onnx::NodeProto& node = *model_->mutable_graph()->add_node();
  node.set_op_type(op);
  node.set_name("/" + outputs.front() + "/" + op);
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  for (const auto& [name, value] : settings) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    std::visit(SettingWriter{attribute}, value);
  }
  return *this;
}

onnx::NodeProto& OnnxModel::last_node() {
  return *model_->mutable_graph()->mutable_node()->rbegin();
}

std::string OnnxModel::bytes() const {
  return model_->SerializeAsString();
}

}  // namespace espalier
