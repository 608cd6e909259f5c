#include "worker/onnx/import_onnx.h"

#include <algorithm>
#include <charconv>
#include <onnx/onnx_pb.h>
#include <set>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/utf8.h"
#include "experiments/operators/rewrites/rewrite.h"
#include "worker/onnx/fold_constants.h"
#include "worker/onnx/onnx_file.h"
#include "worker/onnx/onnx_names.h"
#include "worker/onnx/onnx_network.h"
#include "worker/onnx/onnx_node.h"
#include "worker/onnx/onnx_tensor.h"
#include "worker/onnx/translations.h"

// Node after node, in the file's order: what is known before any example comes is computed, the rest becomes operators
// of the graph. A node that cannot be said is noted, and so is no other that reads it, so that one message names all
// that stands in the way.

namespace espalier {
namespace {

constexpr std::int64_t kLargestSide = std::int64_t{1} << 31;
constexpr std::size_t kMostNamed = 20, kLongestRefusal = 8000;

class OnnxImporter {
 public:
  OnnxImporter(const OnnxFile& file, const std::string& output, std::vector<std::int64_t> sizes)
      : file_(file), sizes_(std::move(sizes)), network_(file) {
    choose_output(output);
    find_needed();
  }

  OnnxImport run() {
    add_tensors();
    add_input();
    for (const onnx::NodeProto* node : needed_) {
      if (!network_.done.contains(node)) take(*node);
    }
    throw_if_not_understood();
    return finish();
  }

 private:
  [[noreturn]] void refuse(std::string what) const {
    if (what.size() > kLongestRefusal) {
      what.resize(kLongestRefusal);
      what.resize(utf8_prefix(what));
      what += " ...";
    }
    throw Error(ErrorKind::invalid_input, file_.name() + ": " + what);
  }

  void choose_output(const std::string& wanted) {
    std::vector<std::string> names;
    std::string all;
    for (const auto& output : file_.graph().output()) {
      names.push_back(output.name());
      all += (all.empty() ? "" : ", ") + output.name();
    }
    if (names.empty()) refuse("has no output");
    std::size_t place = 0;
    if (!wanted.empty()) {
      const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), place);
      const bool is_place = error == std::errc() && end == wanted.data() + wanted.size() && place < names.size();
      const auto found = std::ranges::find(names, wanted);
      if (found != names.end()) {
        place = static_cast<std::size_t>(found - names.begin());
      } else if (!is_place) {
        refuse("has no output \"" + wanted + "\"; it has " + all);
      }
    } else if (names.size() > 1) {
      network_.remarks.insert("of its outputs (" + all + ") the first is taken; `output` names another");
    }
    output_ = names[place];
  }

  /// The nodes that the output is computed by, in the file's order.
  void find_needed() {
    std::set<std::string> wanted{output_};
    const auto& nodes = file_.graph().node();
    network_.add_reader(output_, nullptr);
    for (int i = nodes.size(); i-- > 0;) {
      const onnx::NodeProto& node = nodes[i];
      if (std::ranges::none_of(node.output(), [&](const std::string& name) { return wanted.contains(name); })) continue;
      needed_.push_back(&node);
      for (const std::string& input : node.input()) {
        wanted.insert(input);
        network_.add_reader(input, &node);
      }
    }
    std::ranges::reverse(needed_);
  }

  void add_tensors() {
    for (const onnx::TensorProto& tensor : file_.graph().initializer()) {
      if (!network_.is_read(tensor.name())) continue;
      OnnxValue value;
      value.constant = OnnxConstant(tensor_of(tensor, file_.folder()));
      const at::Tensor& numbers = value.constant.tensor;
      const bool like_torch =
          tensor.name().find('.') != std::string::npos && tensor.name().find(':') == std::string::npos;
      if (numbers.is_floating_point() && !is_made_up(tensor.name()) && (numbers.numel() > 1 || like_torch))
        value.trained = tensor.name();
      network_.values.emplace(tensor.name(), std::move(value));
    }
  }

  void add_input() {
    const onnx::ValueInfoProto* input = nullptr;
    std::string names;
    for (const onnx::ValueInfoProto& one : file_.graph().input()) {
      if (network_.values.contains(one.name()) || !network_.is_read(one.name())) continue;
      names += (input == nullptr ? "" : ", ") + one.name();
      if (input != nullptr) names_several_ = true;
      input = &one;
    }
    if (input == nullptr) refuse("computes \"" + output_ + "\" of nothing: it reads no input");
    if (names_several_) refuse("takes several inputs (" + names + "); a network of one is understood");
    if (!input->type().has_tensor_type() || !input->type().tensor_type().has_shape())
      refuse("does not say the shape of its input " + input->name());
    const auto& type = input->type().tensor_type();
    const auto& dims = type.shape().dim();
    if (dims.size() < 1 || dims.size() > 8)
      refuse("takes " + std::to_string(dims.size()) + " dimensions as its input " + input->name());
    const auto is_open = [&](int i) { return !dims[i].has_dim_value() || dims[i].dim_value() < 1; };
    bool any_open = false;
    for (int i = 1; i < dims.size(); ++i) any_open = any_open || is_open(i);
    // Examples of another shape: what the file fixes they are given in.
    const bool same_rank = sizes_.size() + 1 == static_cast<std::size_t>(dims.size());
    if (!sizes_.empty() && any_open && !same_rank)
      refuse("takes examples of " + std::to_string(dims.size() - 1) + " dimensions, but is given " +
             std::to_string(sizes_.size()));
    std::vector<std::int64_t> sizes;
    std::int64_t count = 1;
    for (int i = 1; i < dims.size(); ++i) {
      const bool open = is_open(i);
      if (open && sizes_.empty()) {
        refuse("leaves size " + std::to_string(i) + " of its input " + input->name() +
               " free; only the number of examples may be: export it with the sizes that the data has");
      }
      const std::int64_t size = open ? sizes_[static_cast<std::size_t>(i - 1)] : dims[i].dim_value();
      if (same_rank && size != sizes_[static_cast<std::size_t>(i - 1)]) {
        refuse("takes " + std::to_string(size) + " as size " + std::to_string(i) + " of its input " + input->name() +
               ", but is given " + std::to_string(sizes_[static_cast<std::size_t>(i - 1)]));
      }
      if (size < 1 || size > kLargestSide || count > (std::int64_t{1} << 40) / size)
        refuse("takes examples of a size " + std::to_string(size));
      count *= size;
      sizes.push_back(size);
    }
    const bool free = !dims[0].has_dim_value() || dims[0].dim_value() < 1;
    if (!free && dims[0].dim_value() > kLargestSide)
      refuse("takes " + std::to_string(dims[0].dim_value()) + " examples");
    network_.file_batch = free ? 0 : dims[0].dim_value();
    OnnxValue value;
    value.value = network_.input = network_.builder().input(sizes, type_of_input(type.elem_type(), input->name()));
    network_.unique("input");
    network_.values.emplace(input->name(), std::move(value));
  }

  ValueType type_of_input(std::int32_t type, const std::string& name) const {
    using onnx::TensorProto;
    if (type == TensorProto::FLOAT || type == TensorProto::FLOAT16 || type == TensorProto::DOUBLE ||
        type == TensorProto::BFLOAT16)
      return ValueType::number;
    if (type == TensorProto::INT64 || type == TensorProto::INT32) return ValueType::index;
    refuse("takes an input " + name + " of ONNX type " + std::to_string(type) + "; numbers and tokens are understood");
  }

  void take(const onnx::NodeProto& node) {
    const bool lost = std::ranges::any_of(
        node.input(), [&](const std::string& name) { return !name.empty() && network_.values.at(name).lost; });
    const OnnxTranslation translation = find_onnx_translation(node.domain(), node.op_type());
    const bool is_shape = (node.domain().empty() || node.domain() == "ai.onnx") &&
                          (node.op_type() == "Shape" || node.op_type() == "Size");
    try {
      if (!lost && is_shape) return take_shape(node);
      if (!lost && can_fold(node) && all_constant(node)) return take_constant(node);
      if (translation == nullptr && !is_shape && !(lost && can_fold(node)))
        throw Error(ErrorKind::invalid_input, "there is no such operator here");
      if (!lost) {
        OnnxNode said(network_, node, name_of_node(node.name(), node.op_type()));
        return translation(said);
      }
    } catch (const Error& error) {
      note(node, error.what());
    } catch (const std::exception& error) {
      const std::string all = error.what();
      note(node, all.substr(0, std::min(all.find('\n'), std::size_t{200})));
    }
    for (const std::string& output : node.output()) network_.values[output].lost = true;
  }

  void take_shape(const onnx::NodeProto& node) {
    OnnxNode reader(network_, node, "");
    const OnnxConstant& known = reader.input_value(0).constant;
    Dims dims = reader.dims(0);
    if (reader.input_value(0).value == kNoValue && known.depends_on_batch()) {
      give_folded(
          node, OnnxConstant(at::tensor(known.tensor.sizes(), at::kLong), at::tensor(known.other.sizes(), at::kLong)));
      return;
    }
    if (node.op_type() == "Size") {
      const bool batch = std::ranges::any_of(dims, &Dim::batch);
      const OnnxConstant all = OnnxConstant::of_dims({{elements(dims), batch}});
      return give_folded(node, all.depends_on_batch() ? OnnxConstant(all.tensor.squeeze(), all.other.squeeze())
                                                      : OnnxConstant(all.tensor.squeeze()));
    }
    const auto count = static_cast<std::int64_t>(dims.size());
    const auto place = [&](const char* name, std::int64_t otherwise) {
      const std::int64_t at = reader.attributes().integer(name, otherwise);
      return std::clamp<std::int64_t>(at < 0 ? at + count : at, 0, count);
    };
    const std::int64_t start = place("start", 0), end = std::max(place("end", count), start);
    give_folded(node, OnnxConstant::of_dims(Dims(dims.begin() + start, dims.begin() + end)));
  }

  void give_folded(const onnx::NodeProto& node, OnnxConstant constant) {
    network_.values[node.output(0)].constant = std::move(constant);
  }

  bool all_constant(const onnx::NodeProto& node) const {
    return std::ranges::all_of(node.input(), [&](const std::string& name) {
      return name.empty() || (network_.values.at(name).is_constant() && !network_.values.at(name).seen);
    });
  }

  void take_constant(const onnx::NodeProto& node) {
    std::vector<at::Tensor> some, others;
    bool depends = false;
    for (const std::string& name : node.input()) {
      const OnnxConstant none, &constant = name.empty() ? none : network_.values.at(name).constant;
      some.push_back(constant.tensor);
      others.push_back(constant.depends_on_batch() ? constant.other : constant.tensor);
      depends = depends || constant.depends_on_batch();
    }
    const std::vector<at::Tensor> results = fold(node, some);
    const std::vector<at::Tensor> other_results = depends ? fold(node, others) : std::vector<at::Tensor>();
    for (std::size_t i = 0; i < results.size() && i < static_cast<std::size_t>(node.output_size()); ++i) {
      folded_ += results[i].numel() + (depends ? other_results[i].numel() : 0);
      if (folded_ > kMostFolded) throw Error(ErrorKind::invalid_input, "is one of too many that are made of constants");
      network_.values[node.output(static_cast<int>(i))].constant =
          depends ? OnnxConstant(results[i], other_results[i]) : OnnxConstant(results[i]);
    }
  }

  void note(const onnx::NodeProto& node, const std::string& what) {
    std::string domain = node.domain().empty() || node.domain() == "ai.onnx" ? "" : ", domain " + node.domain();
    troubles_.push_back(node.op_type() + " (node " + (node.name().empty() ? "of " + node.output(0) : node.name()) +
                        domain + ", opset " + std::to_string(file_.opset(node.domain())) + "): " + what);
  }

  void throw_if_not_understood() const {
    if (troubles_.empty()) return;
    std::string all;
    for (std::size_t i = 0; i < troubles_.size() && i < kMostNamed; ++i) all += "\n  " + troubles_[i];
    if (troubles_.size() > kMostNamed) all += "\n  and " + std::to_string(troubles_.size() - kMostNamed) + " more";
    refuse(std::to_string(troubles_.size()) + (troubles_.size() == 1 ? " operator is" : " operators are") +
           " not understood:" + all);
  }

  OnnxImport finish() {
    const OnnxValue& output = network_.values.at(output_);
    if (output.value == kNoValue || output.seen) refuse("its output \"" + output_ + "\" is no value for each example");
    const Dims& dims = network_.builder().dims(output.value);
    if (dims.empty() || !dims[0].batch)
      refuse("its output \"" + output_ + "\" is " + to_string(dims) + ", and not one row for each example");
    OnnxImport result;
    result.graph = std::make_shared<const OperatorGraph>(rewritten(network_.builder().finish(output.value)));
    for (const Value& value : result.graph->values()) {
      const bool kept = value.source == Value::Source::parameter || value.source == Value::Source::buffer;
      if (kept) result.tensors.emplace_back(value.name, network_.tensors.at(value.name));
    }
    result.output = output_;
    result.remarks.assign(network_.remarks.begin(), network_.remarks.end());
    return result;
  }

  static constexpr std::int64_t kMostFolded = std::int64_t{1} << 28;

  const OnnxFile& file_;
  const std::vector<std::int64_t> sizes_;  // of an example, as the caller has them
  OnnxNetwork network_;
  std::string output_;
  std::vector<const onnx::NodeProto*> needed_;
  std::vector<std::string> troubles_;
  std::int64_t folded_ = 0;
  bool names_several_ = false;
};

OnnxImport import_file(const OnnxFile& file, const std::string& output, const std::vector<std::int64_t>& sizes) {
  const at::NoGradGuard no_grad;
  return OnnxImporter(file, output, sizes).run();
}

}  // namespace

OnnxImport import_onnx(const std::filesystem::path& file, const std::string& output,
                       const std::vector<std::int64_t>& sizes) {
  return import_file(OnnxFile::read(file), output, sizes);
}

OnnxImport import_onnx_bytes(std::string_view bytes, const std::string& name, const std::filesystem::path& folder,
                             const std::string& output, const std::vector<std::int64_t>& sizes) {
  return import_file(OnnxFile::parse(bytes, name, folder), output, sizes);
}

}  // namespace espalier
