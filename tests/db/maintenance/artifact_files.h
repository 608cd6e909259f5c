#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "db/write/store.h"
#include "tests/db/sample_sweep.h"

namespace espalier {

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::filesystem::path with_ending(std::filesystem::path path, const std::string& ending) {
  path += ending;
  return path;
}

inline std::filesystem::path resume_state(const StorePaths& paths, const Stage& stage) {
  std::filesystem::path path = paths.artifact(stage.key);
  return path.replace_extension(".resume.safetensors");
}

/// What a worker would report, and the file it would leave: the stage's label stands for the tensors.
inline StageFinished finish_with_file(const StorePaths& paths, const Stage& stage, std::uint64_t attempt = 1) {
  StageFinished finished = finish(stage, attempt);
  if (stage.kind == StageKind::evaluate) return finished;
  write_text(paths.artifact(stage.key), stage.label);
  finished.outcome.artifact_sha256 = to_hex(sha256(stage.label));
  finished.outcome.artifact_bytes = static_cast<std::int64_t>(stage.label.size());
  return finished;
}

inline std::vector<StoreChange> finish_all_with_files(const StorePaths& paths, const StageGraph& graph) {
  std::vector<StoreChange> changes;
  for (const Stage& stage : graph.stages) changes.emplace_back(finish_with_file(paths, stage));
  return changes;
}

}  // namespace espalier
