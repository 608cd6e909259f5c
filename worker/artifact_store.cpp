#include "worker/artifact_store.h"

#include <utility>

#include "base/error.h"
#include "worker/damaged_input.h"

namespace espalier {

std::filesystem::path ArtifactStore::path_of(const StageKey& key, const char* ending) const {
  const std::string name = to_hex(key);
  return folder_ / name.substr(0, 2) / (name + ending);
}

StoredFile ArtifactStore::write(const StageKey& key, Safetensors content) const {
  return write_sealed_file(path_of(key), key, std::move(content));
}

SealedFile ArtifactStore::read(const StageKey& key) const {
  const std::filesystem::path path = path_of(key);
  std::string damage;
  // Twice: another rank may have set it aside, and a third made it again, since the bytes were read.
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      if (auto file = read_sealed_file(path, key)) return std::move(*file);
      throw DamagedInput(key, path.string() + ": an artifact that this stage needs is missing");
    } catch (const DamagedInput&) {
      throw;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      damage = error.what();
    }
  }
  set_aside(path);
  throw DamagedInput(key, damage + " (it was set aside as " + path.filename().string() + ".damaged)");
}

}  // namespace espalier
