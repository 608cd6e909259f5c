#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "experiments/formats/safetensors.h"
#include "experiments/stages/stage.h"

namespace espalier {

// A safetensors file that proves what it is: its metadata hold "stage" (the key that names it) and "sha256", the hash
// of the whole file without that entry. Equal content under the same key gives the same bytes: no times, no names of
// machines.

/// What a reader needs to know of a file to trust it later.
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
/// Errors: ErrorKind::exhausted, naming the reason, if it cannot be written: that is the machine's fault, and no job's.
StoredFile write_sealed_file(const std::filesystem::path& path, const StageKey& key, Safetensors content);

/// None if there is no such file.
/// Errors: ErrorKind::corrupt if it is damaged or belongs to another stage.
std::optional<SealedFile> read_sealed_file(const std::filesystem::path& path, const StageKey& key);

/// Renames a damaged file to NAME.damaged, over an older one: evidence, and no longer in the way. Never throws.
void set_aside(const std::filesystem::path& path);

}  // namespace espalier
