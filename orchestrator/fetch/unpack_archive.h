#pragma once

#include <filesystem>
#include <vector>

#include "experiments/datasets/dataset_download.h"

namespace espalier {

/// Writes these members of a .tar.gz into a folder, each by the last part of its path, whole or not at all; the others
/// are passed over. A member that is there already, byte for byte, stays.
/// Errors: ErrorKind::corrupt, beginning with the archive's path, if a member is missing, is no regular file or of
/// another size, or if the archive is damaged or much larger than its members; ErrorKind::invalid_input if another file
/// has a member's name; those of throw_file_error.
void unpack_members(const std::filesystem::path& archive, const std::vector<ArchiveMember>& members,
                    const std::filesystem::path& folder);

}  // namespace espalier
