#pragma once

#include <map>
#include <string>

#include "experiments/models/model_description.h"

namespace espalier {

/// A model of the catalog as a file of somebody else's would have it: nodes and tensors have other names, blocks are
/// not marked.
struct GenericCopy {
  ModelDescription model;
  std::map<std::string, std::string> names;  ///< of the copy's parameters and buffers, by the model's
};

/// `written_out`: attention as products of matrices, a softmax between them.
GenericCopy generic_copy(const ModelDescription& model, bool written_out = false);

}  // namespace espalier
