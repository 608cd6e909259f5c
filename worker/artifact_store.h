#pragma once

#include <filesystem>
#include <utility>

#include "experiments/stage.h"
#include "worker/sealed_file.h"

namespace espalier {

/// The folder of what stages left behind: AB/KEY.safetensors, AB being the key's first two digits. Weights are float32
/// under their parameters' names, masks U8 (1 = kept) under the names of the weights they cover. Stateless but for the
/// folder's name; any thread.
class ArtifactStore {
 public:
  explicit ArtifactStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path path_of(const StageKey& key) const { return path_of(key, ".safetensors"); }
  /// Where a train stage leaves the state that a later cut of its trajectory resumes from.
  std::filesystem::path resume_path_of(const StageKey& key) const { return path_of(key, ".resume.safetensors"); }

  /// Errors: those of write_sealed_file.
  StoredFile write(const StageKey& key, Safetensors content) const;
  /// Errors: DamagedInput if it is missing, or damaged and now set aside: the stage must run again.
  SealedFile read(const StageKey& key) const;

 private:
  std::filesystem::path path_of(const StageKey& key, const char* ending) const;
  std::filesystem::path folder_;
};

}  // namespace espalier
