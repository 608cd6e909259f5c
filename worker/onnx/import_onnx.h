#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/operators/operator_graph.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// A network that an ONNX file holds, in operators of the graph.
struct OnnxImport {
  std::shared_ptr<const OperatorGraph> graph;  ///< never null; shared with descriptions of the model
  NamedTensors tensors;                        ///< every parameter and buffer of the graph, float32
  std::string output;                          ///< which one of the file's was taken
  std::vector<std::string> remarks;            ///< what a user should know of it
};

/// `output`: a name, or a place counted from 0; "": the first. `sizes`: those of an example, where the file leaves some
/// free; {}: it leaves none. A file that leaves none may have another number of them: an image as one row. The number
/// of examples is free afterwards, whatever it is in the file. Errors: those of OnnxFile; ErrorKind::invalid_input for
/// a file of several inputs or of free sizes, an output that it does not have, and operators that are not understood,
/// which the message names all.
OnnxImport import_onnx(const std::filesystem::path& file, const std::string& output = "",
                       const std::vector<std::int64_t>& sizes = {});

/// The same of bytes; tensors beside them lie in `folder`.
OnnxImport import_onnx_bytes(std::string_view bytes, const std::string& name, const std::filesystem::path& folder,
                             const std::string& output = "", const std::vector<std::int64_t>& sizes = {});

}  // namespace espalier
