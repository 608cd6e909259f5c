#include "worker/artifacts/artifact_store.h"

#include <utility>

#include "base/error.h"
#include "worker/artifacts/damaged_input.h"

namespace espalier {

std::filesystem::path ArtifactStore::path_of(const StageKey& key, const char* ending) const {
  const std::string name = to_hex(key);
  return folder_ / name.substr(0, 2) / (name + ending);
}

StoredFile ArtifactStore::write(const StageKey& key, Safetensors content) const {
  StoredFile stored = write_sealed_file(path_of(key), key, std::move(content));
  if (supply_ != nullptr) supply_->written(file_of_stage(FileKind::artifact, key), stored, SendWhen::now);
  return stored;
}

void ArtifactStore::write_resume_state(const StageKey& key, Safetensors content) const {
  const StoredFile stored = write_sealed_file(resume_path_of(key), key, std::move(content));
  if (supply_ != nullptr) supply_->written(file_of_stage(FileKind::resume, key), stored, SendWhen::now);
}

void ArtifactStore::bring_resume_state(const StageKey& key) const {
  if (supply_ != nullptr) supply_->bring(file_of_stage(FileKind::resume, key));
}

/// None if it is missing, or damaged: then it is logged and renamed.
std::optional<SealedFile> ArtifactStore::read_here(const StageKey& key, std::string& damage) const {
  const std::filesystem::path path = path_of(key);
  // Twice: another rank may have set it aside, and a third made it again, since the bytes were read.
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      return read_sealed_file(path, key);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      damage = std::string(error.what()) + " (it was set aside as " + path.filename().string() + ".damaged)";
    }
  }
  set_aside(path);
  return std::nullopt;
}

SealedFile ArtifactStore::read(const StageKey& key) const {
  std::string damage;
  if (auto file = read_here(key, damage)) return std::move(*file);
  const std::string why = supply_ == nullptr ? "" : supply_->bring(file_of_stage(FileKind::artifact, key));
  if (supply_ != nullptr && why.empty()) {
    if (auto file = read_here(key, damage)) return std::move(*file);
  }
  if (damage.empty()) damage = path_of(key).string() + ": an artifact that this stage needs is missing";
  throw DamagedInput(key, damage);
}

}  // namespace espalier
