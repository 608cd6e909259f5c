#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace espalier {

/// "NFS", "Lustre", ... if `folder` lies on a filesystem that several machines share, where SQLite's write-ahead log
/// and file locks cannot be relied on between them; "" otherwise, or if unknown.
std::string network_filesystem(const std::filesystem::path& folder);
/// The same of a filesystem by its magic number, f_type of statfs(2).
std::string network_filesystem_of_type(std::uint32_t type);

}  // namespace espalier
