#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace espalier {

/// Reads a file that only its owner may read. Links are followed: the opened file is checked. `what` names it in
/// errors: "secret". Errors: ErrorKind::invalid_input if it is neither ours nor root's, or its group or others may read
/// or write it, with the chmod to run, and those of read_file.
std::string read_secret_file(const std::filesystem::path& file, std::uintmax_t limit_bytes, const std::string& what);

/// Refuses a folder where another user may replace this file: one that others, or a group other than the user's own
/// (with the user's number), may write, unless it is sticky.
/// Errors: ErrorKind::invalid_input, with the chmod to run.
void refuse_folder_of_others(const std::filesystem::path& file, const std::string& what);

/// write_file_atomically with mode 0600, after refuse_folder_of_others.
void write_secret_file(const std::filesystem::path& file, std::string_view bytes, const std::string& what);

}  // namespace espalier
