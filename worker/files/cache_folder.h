#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "cluster/protocol/file_name.h"

namespace espalier {

/// The folder for cached files given `--cache` DIR ("": not given): a subfolder of our own, since the least recently
/// used files are removed, and DIR may hold other files.
std::filesystem::path cache_root(const std::filesystem::path& asked, const std::filesystem::path& store);

/// Makes the folder. Its content is executed: TorchScript modules are programs.
/// Errors: ErrorKind::invalid_input if it cannot be made, or is not our own folder that no other user may write.
void make_own_cache_folder(const std::filesystem::path& root);

/// A machine's cache of files fetched from, or made for, the coordinator; shared by the machine's ranks. The least
/// recently used files are removed above the limit. Every file can be fetched again, so losing one costs only time. Any
/// thread.
class CacheFolder {
 public:
  /// `limit_bytes`: 0 for no limit.
  CacheFolder(std::filesystem::path root, std::uint64_t limit_bytes);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path place(const FileName& file) const { return place_of(root_, file); }
  /// A temporary name for a file in transfer; unique to this process.
  std::filesystem::path new_temporary();
  /// Whether the cache has it; if so, marks it as used now.
  bool has(const FileName& file) const;
  /// Counts added bytes; frees space from time to time.
  void grew(std::uint64_t bytes);
  /// Removes the least recently used files until the rest fits, but none that was used in the last ten minutes. Never
  /// throws.
  void make_room() const;

 private:
  const std::filesystem::path root_;
  const std::uint64_t limit_bytes_;
  std::atomic<std::uint64_t> grown_{0};
  std::atomic<unsigned> temporaries_{0};
};

}  // namespace espalier
