#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// What the module itself gives for some random examples, which are not those that it was lowered with.
struct ModuleOutputs {
  at::Tensor examples;    ///< [3, C, H, W]
  at::Tensor evaluation;  ///< [3, classes]
  /// In training mode without dropout. Undefined where a graph does not do the same there, which remarks say: random
  /// numbers that cannot be turned off, norms that stay in evaluation mode.
  at::Tensor training;
};

/// What a TorchScript file becomes.
struct LoweredModule {
  std::shared_ptr<const OperatorGraph> graph;  ///< shared by descriptions of the model
  /// By the names of the graph's parameters and buffers; the module's own memory, or that of constants.
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  std::vector<std::string> remarks;  ///< what a user should know, sentences
  ModuleOutputs original;
};

/// Describes a module by operators: runs it in evaluation mode, on two and on three examples of [C, H, W], and makes
/// nodes of the operators that the dispatcher reports, following tensors by their identity. Control flow is what it was
/// in these runs; where it depends on the numbers of examples or on what was computed, the module cannot be described.
/// Values that depend on neither examples nor parameters become buffers. In training mode the module is run, too:
/// random numbers that no Dropout explains are remarked on. Its buffers are as in the file afterwards. `output`: the
/// name or the place of one of a tuple's or dictionary's members; "" for the only tensor, or a tuple's first.
/// `keeps_shape`: see ModelFile::keeps_shape. Errors: those of ScriptModule; ErrorKind::invalid_input, naming the
/// operator and its line in the user's file, for what is not understood, for an output other than [N, classes], and for
/// a module that fails in training mode.
LoweredModule lower_script(const std::filesystem::path& path, const std::vector<std::int64_t>& input,
                           std::int64_t classes, const std::string& output = "", bool keeps_shape = false);

}  // namespace espalier
