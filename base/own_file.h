#pragma once

#include <filesystem>

namespace espalier {

enum class OwnFile { append, begin_anew };

/// Opens a file that we write continuously: a log, a note. It is made if it is missing, with `mode` less the umask's
/// bits. A symbolic link is not followed, and anything but a regular file of this user is refused: another user's file
/// or link can neither receive nor redirect our bytes. Root may write other users' files.
/// Errors: ErrorKind::invalid_input for those, and those of throw_file_error.
int open_own_file(const std::filesystem::path& path, OwnFile how, unsigned mode = 0644);

}  // namespace espalier
