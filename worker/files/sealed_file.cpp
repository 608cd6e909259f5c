#include "worker/files/sealed_file.h"

#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kLargestSealedFile = std::uintmax_t{1} << 36;

/// Any reason (no space, no permission, a read-only disk, a lost server) is not the job's fault: every job would fail
/// alike.
void write_into_store(const std::filesystem::path& path, const std::string& bytes) {
  try {
    std::error_code code;
    std::filesystem::create_directories(path.parent_path(), code);
    if (code)
      throw Error(ErrorKind::exhausted, path.parent_path().string() + ": making the folder failed: " + code.message());
    write_file_atomically(path, bytes);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::exhausted) throw;
    throw Error(ErrorKind::exhausted, std::string(error.what()) + "; the store must be writable");
  }
}

}  // namespace

StoredFile write_sealed_file(const std::filesystem::path& path, const StageKey& key, Safetensors content) {
  content.metadata["stage"] = to_hex(key);
  content.metadata.erase("sha256");
  content.metadata["sha256"] = to_hex(sha256(to_safetensors(content)));
  const std::string bytes = to_safetensors(content);
  write_into_store(path, bytes);
  return {to_hex(sha256(bytes)), static_cast<std::int64_t>(bytes.size())};
}

std::optional<SealedFile> read_sealed_file(const std::filesystem::path& path, const StageKey& key) {
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return std::nullopt;
  SealedFile file{std::make_unique<const std::string>(read_file(path, kLargestSealedFile)), {}};
  file.content = parse_safetensors(*file.bytes, path.string());
  auto& metadata = file.content.metadata;
  const std::string seal = std::exchange(metadata["sha256"], {});
  metadata.erase("sha256");
  if (seal != to_hex(sha256(to_safetensors(file.content)))) {
    throw Error(ErrorKind::corrupt,
                path.string() + ": its bytes are not those that were written; move it away and run again");
  }
  if (metadata["stage"] != to_hex(key)) {
    throw Error(ErrorKind::corrupt,
                path.string() + ": belongs to stage " + metadata["stage"] + ", not to the one in its name");
  }
  return file;
}

void set_aside(const std::filesystem::path& path) {
  std::filesystem::path aside = path;
  aside += ".damaged";
  std::error_code ignored;
  std::filesystem::rename(path, aside, ignored);
}

}  // namespace espalier
