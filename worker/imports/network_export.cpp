#include "worker/imports/network_export.h"

#include "base/error.h"
#include "base/files.h"
#include "worker/operators/graph_outputs.h"
#include "worker/torchscript/exports/export_torchscript.h"
#ifdef ESPALIER_ONNX
#include "worker/onnx/exports/export_onnx.h"
#include "worker/onnx/import_onnx.h"
#endif

namespace espalier {
namespace {

#ifdef ESPALIER_ONNX
/// As our own import reads it.
at::Tensor run_onnx(const std::string& bytes, const at::Tensor& examples) {
  try {
    const at::ScalarType precision = examples.scalar_type() == at::kFloat ? at::kFloat : at::kDouble;
    const OnnxImport found = import_onnx_bytes(bytes, "what was written", "");
    return outputs_of(*found.graph, examples, [&](const std::string& name) {
      for (const auto& [called, tensor] : found.tensors)
        if (called == name) return tensor.is_floating_point() ? tensor.to(precision) : tensor;
      throw Error(ErrorKind::internal, "it has no tensor " + name);
    });
  } catch (const Error& error) {
    throw Error(ErrorKind::internal, std::string("onnx: the file cannot be read again: ") + error.what());
  }
}
#endif

}  // namespace

ExportFormat export_format(const std::string& name) {
  if (name == "torchscript") return {name, export_torchscript, run_script_bytes};
#ifdef ESPALIER_ONNX
  if (name == "onnx") return {name, export_onnx, run_onnx};
#endif
  throw Error(ErrorKind::invalid_input,
              "this espalier-worker writes no files of the format " + name + "; build it with libonnx-dev");
}

void export_network_file(const std::filesystem::path& network, const std::string& format,
                         const std::filesystem::path& to) {
  write_file_atomically(to, proven_export(load_network(network), export_format(format)));
}

}  // namespace espalier
