#pragma once

#include <filesystem>
#include <string>

namespace espalier {

/// The folder where a pool that does not see its store keeps logs, checkpoints, artifacts and undelivered reports: the
/// one that was `asked` for, or, if that is "", espalier-UID in the folder for temporary files, the same for all ranks
/// of a machine. Made with mode 0700 if missing. Errors: ErrorKind::invalid_input if it cannot be made, or somebody
/// else could have put things into the default one.
std::filesystem::path scratch_store(const std::string& asked);

}  // namespace espalier
