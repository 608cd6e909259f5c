#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace espalier {

/// The bytes of a file that is for its owner's eyes alone. `what` names it in errors: "secret".
/// Errors: ErrorKind::invalid_input if its group or others may read or write it, with the chmod to run, and those of
/// read_file.
std::string read_secret_file(const std::filesystem::path& file, std::uintmax_t limit_bytes, const std::string& what);

}  // namespace espalier
