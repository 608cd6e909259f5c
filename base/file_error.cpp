#include "base/file_error.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "base/error.h"

namespace espalier {

void throw_file_error(const std::filesystem::path& path, std::string_view doing, int code) {
  const bool full = code == ENOSPC || code == EDQUOT;
  throw Error(full ? ErrorKind::exhausted : ErrorKind::invalid_input,
              path.string() + ": " + std::string(doing) + " failed: " + std::generic_category().message(code) +
                  (full ? "; free some space, then run the same command again" : ""));
}

}  // namespace espalier
