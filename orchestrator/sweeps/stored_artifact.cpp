#include "orchestrator/sweeps/stored_artifact.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kLargestArtifact = std::uintmax_t{64} << 30;
constexpr std::string_view kMaskSuffix = ".mask";
constexpr const char* kRemedy = "; `espalier db check --repair`, then running the sweep again, make it again";

}  // namespace

StoredArtifact read_artifact(const std::filesystem::path& store, const std::string& stage,
                             const std::string& sha256_hex) {
  const std::filesystem::path path = StorePaths{store}.artifact(stage_key_from_hex(stage));
  StoredArtifact artifact;
  try {
    artifact.bytes = read_file(path, kLargestArtifact);
  } catch (const Error& error) {
    throw Error(ErrorKind::corrupt, std::string(error.what()) + kRemedy);
  }
  if (to_hex(sha256(artifact.bytes)) != sha256_hex)
    throw Error(ErrorKind::corrupt, path.string() + ": is damaged" + kRemedy);
  artifact.content = parse_safetensors(artifact.bytes, path.string());
  return artifact;
}

bool is_mask(const TensorBytes& tensor) {
  return tensor.name.ends_with(kMaskSuffix);
}

TensorBytes beside_weights(TensorBytes mask) {
  mask.name += kMaskSuffix;
  return mask;
}

std::vector<TensorBytes> masks_of(const StoredArtifact& artifact) {
  const auto& all = artifact.content.tensors;
  if (std::ranges::none_of(all, is_mask)) return all;
  std::vector<TensorBytes> masks;
  for (const TensorBytes& tensor : all) {
    if (!is_mask(tensor)) continue;
    masks.push_back(tensor);
    masks.back().name.resize(tensor.name.size() - kMaskSuffix.size());
  }
  return masks;
}

}  // namespace espalier
