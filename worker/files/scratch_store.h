#pragma once

#include <filesystem>
#include <string>

namespace espalier {

/// The folder where a pool without access to its store keeps logs, checkpoints, artifacts and undelivered reports:
/// `asked`, or, if that is "", espalier-UID in the folder for temporary files, the same for all ranks of a machine.
/// Made with mode 0700 if missing. Errors: ErrorKind::invalid_input if it cannot be made, or if another user could have
/// put files into the default one.
std::filesystem::path scratch_store(const std::string& asked);

}  // namespace espalier
