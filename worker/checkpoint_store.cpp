#include "worker/checkpoint_store.h"

#include <cstdint>
#include <system_error>

#include "base/error.h"
#include "worker/train_state.h"

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

void CheckpointStore::bring(const StageKey& key) const {
  const FileName file = file_of_stage(FileKind::checkpoint, key);
  if (supply_ == nullptr || !supply_->bring(file).empty()) return;
  const std::filesystem::path brought = supply_->place(file);
  std::error_code ignored;
  if (steps_of(brought, key) > steps_of(path_of(key), key)) {
    std::filesystem::create_directories(folder_, ignored);
    std::filesystem::rename(brought, path_of(key), ignored);
  } else {
    std::filesystem::remove(brought, ignored);
  }
}

void CheckpointStore::write(const StageKey& key, Safetensors content, SendWhen when) const {
  const StoredFile stored = write_sealed_file(path_of(key), key, std::move(content));
  if (supply_ != nullptr) supply_->written(file_of_stage(FileKind::checkpoint, key), stored, when);
}

}  // namespace espalier
