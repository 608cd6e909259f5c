#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "db/sqlite/network_filesystem.h"

namespace espalier {

/// How a store may be opened for writing.
struct StoreOptions {
  /// On a network filesystem: write with a rollback journal in place of the write-ahead log, which needs memory that
  /// processes share. Slower, and safe where that filesystem's locks and syncs are. Otherwise such a store is refused.
  bool allow_network_filesystem = false;
  /// A missing store is refused, not made.
  bool must_exist = false;
  /// Returns a network filesystem's name; "" for a local disk.
  std::function<std::string(const std::filesystem::path&)> network_filesystem_of = network_filesystem;
};

}  // namespace espalier
