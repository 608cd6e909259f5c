#include "cluster/secret_file.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {

std::string read_secret_file(const std::filesystem::path& file, std::uintmax_t limit_bytes, const std::string& what) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
    throw Error(ErrorKind::invalid_input,
                file.string() + ": others can read this " + what + "; run: chmod 600 " + file.string());
  }
  return read_file(file, limit_bytes);
}

}  // namespace espalier
