#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

struct stat;

namespace espalier {

/// Writes `bytes` so that a reader, or a machine that lost power, sees the old file or the new one, never half:
/// a draft beside it (base/draft_file.h), fsync, rename, fsync of the folder. A symbolic link of that name is
/// replaced; files that a user names go through write_output (experiments/paths/output_file.h).
/// `mode` are its permission bits, less the umask's, unless they are the owner's alone (0600), which it then has.
/// Errors: ErrorKind::exhausted if the disk is full or a quota is met, ErrorKind::invalid_input otherwise.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, unsigned mode = 0644);

/// The end of such a write for a file that another program wrote: syncs `temporary` and renames it to `path`; removes
/// it if that fails. Errors: as write_file_atomically.
void put_in_place(const std::filesystem::path& temporary, const std::filesystem::path& path);

/// What may be read: a device has no end, and a pipe may block forever. `pipe_too` is for files that a user names,
/// which may be `<(...)`.
enum class Readable { file, pipe_too };

/// Checks the opened file before any of it is read; throws to refuse it.
using FileCheck = std::function<void(const struct stat&)>;

/// Errors: ErrorKind::invalid_input if it is missing, unreadable, no regular file (nor a pipe, if those are allowed),
/// or larger than `limit_bytes` (nothing is allocated then); those of `check`.
std::string read_file(const std::filesystem::path& path, std::uintmax_t limit_bytes, Readable what = Readable::file,
                      const FileCheck& check = {});

}  // namespace espalier
