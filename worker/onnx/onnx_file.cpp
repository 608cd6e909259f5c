#include "worker/onnx/onnx_file.h"

#include <algorithm>
#include <cstdlib>
#include <google/protobuf/arena.h>
#include <new>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/utf8.h"
#include "worker/onnx/onnx_tensor.h"

namespace espalier {
namespace {

constexpr std::int64_t kLeastOpset = 9, kMostOpset = 21;
constexpr std::size_t kLargestFile = (std::size_t{1} << 31) - 1;
constexpr std::int64_t kMostTensorBytes = std::int64_t{16} << 30;
constexpr int kMostNodes = 100'000, kMostLinks = 1'000'000;
constexpr std::size_t kLongestName = 1000;

[[noreturn]] void refuse_file(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::invalid_input, name + ": " + what);
}

// Two bytes of protobuf can become a message of 200: what a file may become in memory is counted block by block, and
// the allocation that would be too much throws. One parse at a time a thread.
thread_local std::size_t t_left = 0;

void* take_block(std::size_t size) {
  if (size > t_left) throw std::bad_alloc();
  t_left -= size;
  return ::operator new(size);
}

void give_block(void* block, std::size_t) {
  ::operator delete(block);
}

google::protobuf::ArenaOptions counted_blocks() {
  google::protobuf::ArenaOptions options;
  options.block_alloc = take_block;
  options.block_dealloc = give_block;
  return options;
}

std::size_t memory_for(std::size_t bytes) {
  constexpr std::size_t kBesides = std::size_t{64} << 20, kPerByte = 32, kAtMost = std::size_t{1} << 30;
  return std::min(kBesides + kPerByte * bytes, kAtMost + 2 * bytes);
}

void check_name(const std::string& file, const std::string& name) {
  const bool text = utf8_prefix(name) == name.size() && !has_control_character(name);
  if (name.size() > kLongestName || !text)
    refuse_file(file, "holds a name that is no text of at most " + std::to_string(kLongestName) + " bytes");
}

/// Every name, every tensor, and that they are not too many.
class GraphCheck {
 public:
  GraphCheck(const onnx::GraphProto& graph, const std::string& file, const std::filesystem::path& folder)
      : graph_(graph), file_(file), folder_(folder) {}

  void run() {
    if (graph_.node_size() == 0) refuse_file(file_, "computes nothing: it has no nodes");
    if (graph_.node_size() > kMostNodes || graph_.initializer_size() > kMostNodes) {
      refuse_file(file_, "has " + std::to_string(graph_.node_size()) + " nodes and " +
                             std::to_string(graph_.initializer_size()) + " tensors; at most " +
                             std::to_string(kMostNodes) + " of each are read");
    }
    if (graph_.sparse_initializer_size() > 0) refuse_file(file_, "holds sparse tensors, which are not understood");
    for (const auto& tensor : graph_.initializer()) see_tensor(tensor);
    for (const auto& tensor : graph_.initializer()) define(tensor.name());
    for (const auto& input : graph_.input()) {
      check_name(file_, input.name());
      known_.insert(input.name());
    }
    for (const auto& node : graph_.node()) {
      for (const auto& output : node.output()) made_.insert(output);
    }
    for (const auto& node : graph_.node()) see_node(node);
    for (const auto& output : graph_.output()) need(output.name(), "the output");
  }

 private:
  void see_tensor(const onnx::TensorProto& tensor) {
    check_name(file_, tensor.name());
    try {
      check_tensor(tensor, folder_);
    } catch (const Error& error) {
      refuse_file(file_, error.what());
    }
    bytes_ += tensor_bytes(tensor);
    if (bytes_ > kMostTensorBytes) refuse_file(file_, "has more than 16 GiB of tensors");
  }

  void see_node(const onnx::NodeProto& node) {
    check_name(file_, node.name());
    check_name(file_, node.op_type());
    check_name(file_, node.domain());
    links_ += node.input_size() + node.output_size() + node.attribute_size();
    if (links_ > kMostLinks) refuse_file(file_, "has more inputs and outputs of nodes than a network has");
    const std::string reader = node.op_type() + " (node " + node.name() + ")";
    for (const auto& input : node.input()) {
      if (!input.empty()) need(input, reader);
    }
    for (const auto& attribute : node.attribute()) {
      check_name(file_, attribute.name());
      if (attribute.has_t()) see_tensor(attribute.t());
    }
    for (const auto& output : node.output()) {
      if (!output.empty()) define(output);
    }
  }

  void define(const std::string& name) {
    check_name(file_, name);
    if (!known_.insert(name).second) refuse_file(file_, "makes \"" + name + "\" twice");
  }

  void need(const std::string& name, const std::string& reader) const {
    if (known_.contains(name)) return;
    check_name(file_, name);
    refuse_file(file_, reader + " reads \"" + name + "\", which " +
                           (made_.contains(name) ? "is made after it: the nodes are not in order, or run in a circle"
                                                 : "is no tensor of the file, nor made by any node"));
  }

  const onnx::GraphProto& graph_;
  const std::string& file_;
  const std::filesystem::path& folder_;
  std::set<std::string> known_, made_;
  std::int64_t bytes_ = 0;
  int links_ = 0;
};

/// As ONNX's own schemas have it: how many inputs, which attributes and of which kinds. For opsets that the library is
/// too old for, and operators without a schema, the import sees what is missing.
void check_schemas(const onnx::GraphProto& graph, std::int64_t opset, int ir_version, const std::string& file) {
  const auto& known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  const auto range = known.find("");
  if (range == known.end() || opset > range->second.second) return;
  onnx::checker::CheckerContext context;
  context.set_ir_version(ir_version);
  context.set_opset_imports({{"", static_cast<int>(opset)}});
  context.set_schema_registry(onnx::OpSchemaRegistry::Instance());
  const onnx::checker::LexicalScopeContext scope;
  for (const auto& node : graph.node()) {
    const bool own = node.domain().empty() || node.domain() == "ai.onnx";
    const bool holds_graph = std::ranges::any_of(node.attribute(), [](const auto& one) {
      return one.has_g() || one.graphs_size() > 0 || one.has_t() || one.tensors_size() > 0;
    });
    const bool listed = own && onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(opset), "") != nullptr;
    if (!listed || holds_graph) continue;
    try {
      onnx::checker::check_node(node, context, scope);
    } catch (const std::exception& error) {
      refuse_file(file, node.op_type() + " (node " + node.name() + ") is not as ONNX has it: " + error.what());
    }
  }
}

}  // namespace

struct OnnxFile::Content {
  google::protobuf::Arena arena{counted_blocks()};
  onnx::ModelProto* model = nullptr;
  std::map<std::string, std::int64_t> opsets;
};

OnnxFile::OnnxFile(std::string name, std::filesystem::path folder, std::shared_ptr<Content> content)
    : name_(std::move(name)), folder_(std::move(folder)), content_(std::move(content)) {}

const onnx::GraphProto& OnnxFile::graph() const {
  return content_->model->graph();
}

std::int64_t OnnxFile::opset(const std::string& domain) const {
  const auto found = content_->opsets.find(domain == "ai.onnx" ? "" : domain);
  return found == content_->opsets.end() ? 0 : found->second;
}

OnnxFile OnnxFile::read(const std::filesystem::path& file) {
  return parse(read_file(file, kLargestFile), file.string(), file.parent_path());
}

OnnxFile OnnxFile::parse(std::string_view bytes, const std::string& name, const std::filesystem::path& folder) {
  if (bytes.size() > kLargestFile) refuse_file(name, "is larger than 2 GiB");
  t_left = memory_for(bytes.size());
  auto content = std::make_shared<Content>();
  bool read = false;
  try {
    content->model = google::protobuf::Arena::CreateMessage<onnx::ModelProto>(&content->arena);
    read = content->model->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  } catch (const std::bad_alloc&) {
    refuse_file(name, "takes more memory than a network of its size");
  }
  if (!read) refuse_file(name, "is no ONNX file, or is cut short");
  const onnx::ModelProto& model = *content->model;
  if (!model.has_graph()) refuse_file(name, "is no ONNX file: it holds no graph");
  for (const auto& set : model.opset_import()) {
    check_name(name, set.domain());
    content->opsets.emplace(set.domain() == "ai.onnx" ? "" : set.domain(), set.version());
  }
  OnnxFile file(name, folder, content);
  const std::int64_t opset = file.opset("");
  if (opset < kLeastOpset || opset > kMostOpset) {
    refuse_file(name, "is of opset " + std::to_string(opset) + "; " + std::to_string(kLeastOpset) + " to " +
                          std::to_string(kMostOpset) + " are understood: export it again with one of these");
  }
  GraphCheck(model.graph(), name, folder).run();
  check_schemas(model.graph(), opset, static_cast<int>(std::clamp<std::int64_t>(model.ir_version(), 3, 1000)), name);
  return file;
}

}  // namespace espalier
