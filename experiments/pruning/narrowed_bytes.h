#pragma once

#include <string>

#include "experiments/formats/safetensors.h"
#include "experiments/pruning/shrink.h"

namespace espalier {

/// The bytes of the part of a tensor that is kept, row-major. Errors: ErrorKind::internal if the shapes do not fit.
std::string narrowed_bytes(const TensorBytes& tensor, const KeptTensor& kept);
/// Its shape.
std::vector<std::int64_t> shape_of(const KeptTensor& kept);

}  // namespace espalier
