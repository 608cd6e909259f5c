#pragma once

#include <filesystem>
#include <string_view>

namespace espalier {

/// `PATH: DOING failed: REASON`, for what the system refused with `code` (an errno).
/// ErrorKind::exhausted if the disk is full or a quota is met, ErrorKind::invalid_input otherwise.
[[noreturn]] void throw_file_error(const std::filesystem::path& path, std::string_view doing, int code);

}  // namespace espalier
