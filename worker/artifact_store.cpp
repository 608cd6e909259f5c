#include "worker/artifact_store.h"

#include <utility>

#include "base/error.h"

namespace espalier {

std::filesystem::path ArtifactStore::path_of(const StageKey& key, const char* ending) const {
  const std::string name = to_hex(key);
  return folder_ / name.substr(0, 2) / (name + ending);
}

StoredFile ArtifactStore::write(const StageKey& key, Safetensors content) const {
  return write_sealed_file(path_of(key), key, std::move(content));
}

SealedFile ArtifactStore::read(const StageKey& key) const {
  auto file = read_sealed_file(path_of(key), key);
  if (!file) throw Error(ErrorKind::corrupt, path_of(key).string() + ": an artifact that this stage needs is missing");
  return std::move(*file);
}

}  // namespace espalier
