#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "experiments/paths/store_paths.h"
#include "experiments/stages/stage.h"

namespace espalier {

enum class StoreFileKind {
  artifact,      ///< artifacts/AB/KEY.safetensors
  resume_state,  ///< artifacts/AB/KEY.resume.safetensors
  checkpoint,    ///< checkpoints/KEY.safetensors
  temporary,     ///< one of these and a draft's ending: being written, or left by a writer that died
  damaged,       ///< one of these and ".damaged": set aside as evidence
  foreign        ///< any other: not ours
};

/// A file in a store's artifacts/ or checkpoints/, classified by its name alone.
struct StoreFile {
  std::filesystem::path path;
  StoreFileKind kind = StoreFileKind::foreign;
  std::optional<StageKey> stage;  ///< none for a foreign one
  std::uintmax_t bytes = 0;
  bool writer_runs = false;  ///< temporary: a process of this machine has the number in its name
};

/// Sorted by path. Concurrent changes may be missed. Errors: ErrorKind::invalid_input for a folder that
/// cannot be read.
std::vector<StoreFile> list_store_files(const StorePaths& paths);

}  // namespace espalier
