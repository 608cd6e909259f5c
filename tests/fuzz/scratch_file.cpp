#include "tests/fuzz/scratch_file.h"

#include <atomic>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>

#include "base/error.h"

namespace espalier {

ScratchFile::ScratchFile(std::string_view name) {
  static std::atomic<int> count{0};
  const bool memory = ::access("/dev/shm", W_OK) == 0;
  const std::filesystem::path root = memory ? "/dev/shm" : std::filesystem::temp_directory_path();
  path_ = root / ("espalier_fuzz" + std::to_string(::getpid()) + "_" + std::to_string(++count)) / name;
  std::filesystem::create_directories(folder());
}

ScratchFile::~ScratchFile() {
  std::error_code ignored;
  std::filesystem::remove_all(folder(), ignored);
}

void ScratchFile::write(std::string_view bytes) const {
  const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const ssize_t count = descriptor < 0 ? -1 : ::write(descriptor, bytes.data(), bytes.size());
  if (descriptor >= 0) ::close(descriptor);
  if (count != static_cast<ssize_t>(bytes.size())) throw Error(ErrorKind::internal, path_.string() + ": not written");
}

}  // namespace espalier
