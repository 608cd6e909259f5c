#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "cluster/protocol/file_name.h"

namespace espalier {

/// Where a machine that was told `--cache` DIR ("": not told) keeps its files: a folder of our own, since what is used
/// least goes, and DIR may hold anything.
std::filesystem::path cache_root(const std::filesystem::path& asked, const std::filesystem::path& store);

/// Makes the folder. What is in it is run: TorchScript modules are programs.
/// Errors: ErrorKind::invalid_input if it cannot be made, or is not a folder of ours that nobody else may write.
void make_own_cache_folder(const std::filesystem::path& root);

/// The folder of files that a machine has of the coordinator's, or made for it, and of nothing else; its ranks share
/// it. What was used least recently goes when there is more than the limit. Every file can be had again, so losing one
/// costs time alone. Any thread.
class CacheFolder {
 public:
  /// `limit_bytes`: 0 for no limit.
  CacheFolder(std::filesystem::path root, std::uint64_t limit_bytes);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path place(const FileName& file) const { return place_of(root_, file); }
  /// A name for what is still coming; of this process alone.
  std::filesystem::path new_temporary();
  /// Whether it is here; if so, it was used now.
  bool has(const FileName& file) const;
  /// So much was added. Makes room now and then.
  void grew(std::uint64_t bytes);
  /// Removes the least recently used until what is here fits, but nothing that was used in the last ten minutes. Never
  /// throws.
  void make_room() const;

 private:
  const std::filesystem::path root_;
  const std::uint64_t limit_bytes_;
  std::atomic<std::uint64_t> grown_{0};
  std::atomic<unsigned> temporaries_{0};
};

}  // namespace espalier
