#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace onnx {
class GraphProto;
class ModelProto;
}  // namespace onnx

namespace espalier {

/// An ONNX file that keeps to the format: its nodes are in order, and read only what is there; every tensor that it
/// holds itself has as many bytes as its shape says.
class OnnxFile {
 public:
  /// Opset 9 to 21; at most 2 GiB, which is protobuf's limit, with tensors beside it in files of their own. Errors:
  /// ErrorKind::invalid_input for what cannot be read, or is no ONNX file, or has more than a network has (100,000
  /// nodes or tensors, 2^40 elements of a tensor, 16 GiB of them).
  static OnnxFile read(const std::filesystem::path& file);
  /// The same of bytes; tensors beside it lie in `folder`.
  static OnnxFile parse(std::string_view bytes, const std::string& name, const std::filesystem::path& folder);

  const onnx::GraphProto& graph() const;
  const std::string& name() const { return name_; }
  /// That tensors in files of their own are below.
  const std::filesystem::path& folder() const { return folder_; }
  /// Of a domain; "" for ONNX's own. 0 for one that the file does not name.
  std::int64_t opset(const std::string& domain) const;

 private:
  struct Content;
  OnnxFile(std::string name, std::filesystem::path folder, std::shared_ptr<Content> content);

  std::string name_;
  std::filesystem::path folder_;
  std::shared_ptr<const Content> content_;  // copies share what was read
};

}  // namespace espalier
