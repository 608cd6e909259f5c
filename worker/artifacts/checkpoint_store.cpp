#include "worker/artifacts/checkpoint_store.h"

#include <cstdint>

#include "base/error.h"
#include "worker/artifacts/train_state.h"

namespace espalier {
namespace {

/// How many steps are behind it; -1 if it is missing or damaged.
std::int64_t steps_of(const std::filesystem::path& path, const StageKey& key) {
  try {
    const auto file = read_sealed_file(path, key);
    if (!file) return -1;
    const auto state = file->content.metadata.find("state");
    return state == file->content.metadata.end() ? -1 : parse_train_state(state->second).step;
  } catch (const Error&) {
    return -1;
  }
}

}  // namespace

std::optional<std::filesystem::path> CheckpointStore::latest(const StageKey& key, bool of_gang) const {
  const std::filesystem::path here = path_of(key);
  if (supply_ == nullptr || !supply_->is_elsewhere()) return here;
  const FileName file = file_of_stage(FileKind::checkpoint, key);
  const bool has = supply_->bring(file).empty();
  const std::filesystem::path brought = supply_->place(file);
  if (of_gang) return has ? std::optional(brought) : std::nullopt;
  return has && steps_of(brought, key) > steps_of(here, key) ? brought : here;
}

void CheckpointStore::write(const StageKey& key, Safetensors content, SendWhen when) const {
  const StoredFile stored = write_sealed_file(path_of(key), key, std::move(content));
  if (supply_ != nullptr) supply_->written(file_of_stage(FileKind::checkpoint, key), stored, when);
}

}  // namespace espalier
