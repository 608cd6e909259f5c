#pragma once

#include <filesystem>
#include <string>

namespace espalier {

/// "NFS", "Lustre", ... if `folder` lies on a filesystem that several machines share, where SQLite's write-ahead log
/// and file locks cannot be relied on between them; "" otherwise, or if it cannot be told.
std::string network_filesystem(const std::filesystem::path& folder);

}  // namespace espalier
