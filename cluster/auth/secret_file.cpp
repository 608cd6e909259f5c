#include "cluster/auth/secret_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {

std::string read_secret_file(const std::filesystem::path& file, std::uintmax_t limit_bytes, const std::string& what) {
  return read_file(file, limit_bytes, Readable::file, [&](const struct stat& status) {
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
      throw Error(ErrorKind::invalid_input, file.string() + ": this " + what + " belongs to another user (" +
                                                std::to_string(status.st_uid) +
                                                "), who may have put it there; make one of your own");
    }
    if ((status.st_mode & 077) != 0) {
      throw Error(ErrorKind::invalid_input,
                  file.string() + ": others can read this " + what + "; run: chmod 600 " + file.string());
    }
  });
}

void refuse_folder_of_others(const std::filesystem::path& file, const std::string& what) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || (status.st_mode & S_ISVTX) != 0) return;
  const bool group_may = (status.st_mode & S_IWGRP) != 0 && status.st_gid != ::geteuid();
  if (!group_may && (status.st_mode & S_IWOTH) == 0) return;
  throw Error(ErrorKind::invalid_input, folder.string() + ": others may write this folder, and could put a " + what +
                                            " of theirs in the place of this one; run: chmod go-w " + folder.string() +
                                            ", or choose another");
}

void write_secret_file(const std::filesystem::path& file, std::string_view bytes, const std::string& what) {
  refuse_folder_of_others(file, what);
  write_file_atomically(file, bytes, 0600);
}

}  // namespace espalier
