#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "experiments/formats/safetensors.h"
#include "experiments/stages/stage.h"

namespace espalier {

// A safetensors file with its own checksum: its metadata hold "stage" (the key that names it) and "sha256", the hash of
// the whole file without that entry. Equal content under the same key gives the same bytes: no times, no host names.

/// What a reader needs to verify the file later.
struct StoredFile {
  std::string sha256;  ///< hex, of the file's bytes
  std::int64_t bytes = 0;
};

/// A file in memory. `content` views into `bytes`.
struct SealedFile {
  std::unique_ptr<const std::string> bytes;
  Safetensors content;
};

/// Writes it atomically, making the folder first.
/// Errors: ErrorKind::exhausted, naming the reason, if it cannot be written: the machine's fault, not the job's.
StoredFile write_sealed_file(const std::filesystem::path& path, const StageKey& key, Safetensors content);

/// None if there is no such file.
/// Errors: ErrorKind::corrupt if it is damaged or belongs to another stage.
std::optional<SealedFile> read_sealed_file(const std::filesystem::path& path, const StageKey& key);

/// Renames a damaged file to NAME.damaged, over an older one, to keep it as evidence. Never throws.
void set_aside(const std::filesystem::path& path);

}  // namespace espalier
