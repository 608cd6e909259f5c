#pragma once

#include <cstdint>
#include <string>

namespace espalier {

/// What `espalier` asks of the worker's executable when a sweep names a model's file: no pool, no MPI.
struct ModelToolOptions {
  std::string describe;     ///< inspect this file
  std::string input;        ///< "C,H,W": the dataset's examples
  bool keep_shape = false;  ///< see ModelFile::keeps_shape
  std::int64_t classes = 0;
  std::string import_from;  ///< or import this file
  std::string format;       ///< which is in this format
  std::string output;       ///< and of its outputs take this one
  std::string export_from;  ///< or write this module
  std::string content;      ///< which becomes this graph; "" if it is none
  std::string tensors;      ///< with the tensors of this file
  std::string graph_from;   ///< or write the network of this file in `format`
  std::string whole;        ///< or make this network smaller
  std::string to;           ///< here

  bool asked() const {
    return !describe.empty() || !import_from.empty() || !export_from.empty() || !graph_from.empty() || !whole.empty();
  }
};

/// Prints one JSON object: {"model": ..., "remarks": [...], "lone_example": ..., "batch_norm": ...,
/// "obstacle": ...} (what ModelFile holds beside its JSON), {"written": PATH}, of a smaller network with "staying":
/// [SENTENCE, ...], or {"error": {"kind": ..., "message": ...}}. What the module itself prints goes to stderr. Never
/// throws; 0 unless it printed an error, or could print nothing.
int run_model_tool(const ModelToolOptions& options);

}  // namespace espalier
