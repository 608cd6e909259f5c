#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/formats/safetensors.h"

namespace espalier {

/// A file of the store in memory; the tensors are views into it.
struct StoredArtifact {
  std::string bytes;
  Safetensors content;
};

/// Of a stage, by its key's digits. Errors: ErrorKind::corrupt, with what to do, for one that is missing or damaged.
StoredArtifact read_artifact(const std::filesystem::path& store, const std::string& stage,
                             const std::string& sha256_hex);

/// Whether a tensor among weights is a mask, "fc1.weight.mask".
bool is_mask(const TensorBytes& tensor);
/// A mask, as it is called among weights.
TensorBytes beside_weights(TensorBytes mask);
/// Masks by the names of what they cover, whether or not weights lie beside them.
std::vector<TensorBytes> masks_of(const StoredArtifact& artifact);

}  // namespace espalier
