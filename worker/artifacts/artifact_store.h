#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "experiments/stages/stage.h"
#include "worker/files/file_supply.h"
#include "worker/files/sealed_file.h"

namespace espalier {

/// The folder of what stages left behind: AB/KEY.safetensors, AB being the key's first two digits. Weights are float32
/// under their parameters' names, masks U8 (1 = kept) under the names of the weights they cover. Where the
/// coordinator's is another folder, files are brought from there and sent there. The compute thread.
class ArtifactStore {
 public:
  /// `supply` may be null.
  explicit ArtifactStore(std::filesystem::path folder, FileSupply* supply = nullptr)
      : folder_(std::move(folder)), supply_(supply) {}

  std::filesystem::path path_of(const StageKey& key) const { return path_of(key, ".safetensors"); }
  /// Where a train stage leaves the state that a later cut of its trajectory resumes from.
  std::filesystem::path resume_path_of(const StageKey& key) const { return path_of(key, ".resume.safetensors"); }
  /// Brings that state if it is not here; it may be nowhere. Errors: StoppedWaiting.
  void bring_resume_state(const StageKey& key) const;
  /// Errors: those of write_sealed_file.
  void write_resume_state(const StageKey& key, Safetensors content) const;

  /// Errors: those of write_sealed_file.
  StoredFile write(const StageKey& key, Safetensors content) const;
  /// Errors: DamagedInput if it is missing, or damaged and now set aside, here and at the coordinator's: the stage must
  /// run again. StoppedWaiting.
  SealedFile read(const StageKey& key) const;

 private:
  std::filesystem::path path_of(const StageKey& key, const char* ending) const;
  std::optional<SealedFile> read_here(const StageKey& key, std::string& damage) const;

  std::filesystem::path folder_;
  FileSupply* supply_;
};

}  // namespace espalier
