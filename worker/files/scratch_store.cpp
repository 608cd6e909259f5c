#include "worker/files/scratch_store.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace espalier {
namespace {

/// Another user may have made a folder of that name among the temporary files, or a link, before we do.
void refuse_foreign(const std::filesystem::path& folder) {
  struct stat status {};
  const bool ours = ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
                    (status.st_mode & 077) == 0;
  if (!ours) {
    throw Error(ErrorKind::invalid_input, folder.string() +
                                              ": is not a folder of yours alone (mode 0700); remove it, "
                                              "or choose another one with --store");
  }
}

}  // namespace

std::filesystem::path scratch_store(const std::string& asked) {
  const std::filesystem::path folder =
      asked.empty() ? std::filesystem::temp_directory_path() / ("espalier-" + std::to_string(::geteuid()))
                    : std::filesystem::path(asked);
  std::error_code ignored;
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), ignored);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw Error(ErrorKind::invalid_input, folder.string() + ": cannot be made: " + std::strerror(errno));
  if (asked.empty()) refuse_foreign(folder);
  return folder;
}

}  // namespace espalier
