#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/formats/safetensors.h"
#include "experiments/operators/operator_graph.h"

namespace espalier {

/// What a user's file calls the tensors of a network that was imported from the same model: by their names here, where
/// they differ. A tensor is the one of the same name and shape; of the others, the one of equal numbers, if just one
/// has them, then the one of its shape in the module that others of its module are of, then the one that is left alone
/// of its shape. `ours` are as they were imported; of a network that was not,
/// as they are. A buffer that the file lacks, such as a constant of the code, keeps its name. Pure.
/// Errors: ErrorKind::invalid_input, beginning with `where`, naming what does not fit.
std::map<std::string, std::string> names_like(const OperatorGraph& graph, const std::vector<TensorBytes>& ours,
                                              const std::vector<TensorBytes>& theirs, const std::string& where);

}  // namespace espalier
