#pragma once

#include <filesystem>

namespace espalier {

enum class OwnFile { append, begin_anew };

/// Opens a file that we write as we go: a log, a note. It is made if it is not there, with `mode` less the umask's
/// bits. A symbolic link is not followed, and what is no regular file, or is another user's, is refused: what somebody
/// else put there can neither catch our bytes nor lead them elsewhere. Root may write what is another's.
/// Errors: ErrorKind::invalid_input for those, and those of throw_file_error.
int open_own_file(const std::filesystem::path& path, OwnFile how, unsigned mode = 0644);

}  // namespace espalier
